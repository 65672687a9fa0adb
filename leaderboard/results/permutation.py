"""Would as good a score come of gaps that have nothing to do with the networks?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import ResultError
from leaderboard.fitting.fit_cost import FitCost, FitLimit
from leaderboard.results.result import Result
from leaderboard.scoring import metrics

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

PERMUTATIONS = 199
"""The least p is then 1/200. One permutation costs as much as scoring the result on its split."""

MOST_FITS = 20_000
"""Bounds the cost: of a split with many folds fewer permutations are made."""

SEED = 0


@final
@dataclass(frozen=True)
class PermutationTest:
    """How a pooled R² stands among those of dealt-out gaps.

    Attributes:
        p: (1 + permutations that score at least as high) / (1 + permutations).
        permutations: how many were made.
        observed: the result's own pooled R², fitted again.
    """

    p: float
    permutations: int
    observed: float


def affordable(
    result: Result, regressor: "RegressorMixin", permutations: int, limit: "FitLimit | None"
) -> int:
    """How many permutations are made of so many: each fits on every fold and on all networks.

    Args:
        result: as for `permutation_test`.
        regressor: as for `permutation_test`.
        permutations: how many are wanted.
        limit: of what all of them may take; None: `MOST_FITS` alone bounds them.
    """
    fits = len(result.folds) + 1
    made = max(1, min(permutations, MOST_FITS // fits))
    if limit is None:
        return made
    rows = np.array([result.signatures[network] for network in sorted(result.signatures)])
    one = FitCost.of(regressor, rows.reshape(len(rows), len(result.columns)), fits).seconds
    return min(made, int(limit.seconds / one))


def permutation_test(
    result: Result, regressor: "RegressorMixin", permutations: int = PERMUTATIONS
) -> PermutationTest | None:
    """Deal the gaps out at random, fit again on every fold, and see how often the score is reached.

    Configurations with equal numbers of networks exchange their gaps, each with all its copies, as
    copies are no independent networks. Everything from the signatures on is made again: transforms,
    selection of columns, fit. So is p with the 1 of Phipson & Smyth (2010), which keeps it valid.

    What happened before the signatures were chosen is not seen: of 20,000 measures tried, the best
    has a small p, too.

    Args:
        result: on a split that tests each network once.
        regressor: the unfitted one that the result describes.
        permutations: how many at most; fewer where there are more than `MOST_FITS` fits to make.

    Returns:
        None for holdouts, and where pooled R² is not defined or nothing can be exchanged.

    Raises:
        PredictorError: the regressor fails.
        ResultError: no permutation is asked for.
    """
    if permutations < 1:
        raise ResultError(f"{permutations} permutations test nothing; ask for one or more")
    blocks = exchangeable(result.targets, result.configurations)
    if result.split_kind == "holdout" or not result.folds or not blocks:
        return None
    observed = _pooled_r2(result, regressor, result.targets)
    if observed is None:
        return None
    made = affordable(result, regressor, permutations, None)
    generator = np.random.RandomState(SEED)
    reached = 0
    for _ in range(made):
        score = _pooled_r2(result, regressor, dealt(result.targets, blocks, generator))
        reached += score is not None and reaches(score, observed)
    return PermutationTest((1 + reached) / (1 + made), made, observed)


def reaches(score: float, observed: float) -> bool:
    """Whether a score is at least the observed one; rounding must not decide about ties."""
    return score >= observed - 1e-12 * max(1.0, abs(observed))


def exchangeable(
    targets: Iterable[str], configurations: Mapping[str, str]
) -> list[list[list[str]]]:
    """Networks of each configuration, those of equally many together; sizes with one left out."""
    networks: dict[str, list[str]] = {}
    for network in sorted(targets):
        networks.setdefault(configurations[network], []).append(network)
    by_size: dict[int, list[list[str]]] = {}
    for configuration in sorted(networks):
        block = networks[configuration]
        by_size.setdefault(len(block), []).append(block)
    return [by_size[size] for size in sorted(by_size) if len(by_size[size]) > 1]


def dealt(
    targets: Mapping[str, float], blocks: list[list[list[str]]], generator: np.random.RandomState
) -> dict[str, float]:
    """Id → the target of the network whose place it takes."""
    out = dict(targets)
    for of_size in blocks:
        for place, giver in enumerate(generator.permutation(len(of_size))):
            for network, other in zip(of_size[place], of_size[giver], strict=True):
                out[network] = targets[other]
    return out


def _pooled_r2(
    result: Result, regressor: "RegressorMixin", targets: dict[str, float]
) -> float | None:
    from leaderboard.fitting.cross_validation import cross_validate
    from leaderboard.results.verification import tests_of

    fitted = cross_validate(result.signatures, targets, tests_of(result), regressor)
    predicted = [
        (targets[network], prediction)
        for fold in fitted.folds
        for network, prediction in zip(fold.ids, fold.predictions, strict=True)
    ]
    with np.errstate(over="ignore", invalid="ignore"):
        r2 = metrics.r2(*zip(*predicted, strict=True))
    return None if np.isnan(r2) else float(r2)
