"""How a predictor's out-of-fold R² depends on how many networks it is fitted and scored on."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from demogen.errors import ResultError
from demogen.format.splits import splits_of
from leaderboard.scoring import metrics
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

    from leaderboard.results.result import Result

FEWEST = 20
"""Networks below which a zoo has no split into ten folds."""

SPLIT = "grouped-kfold-10"


def sizes_up_to(networks: int, count: int = 6) -> tuple[int, ...]:
    """Numbers of networks, at equal ratios from `FEWEST` to all of them, each once.

    Raises:
        ResultError: there are fewer than `FEWEST`.

    >>> sizes_up_to(108)
    (20, 28, 39, 55, 77, 108)
    """
    if networks < FEWEST:
        raise ResultError(f"a learning curve needs {FEWEST} networks or more; there are {networks}")
    return tuple(sorted({*np.geomspace(FEWEST, networks, count).round().astype(int).tolist()}))


def r2_of_random_networks(
    result: "Result", regressor: "RegressorMixin", sizes: Sequence[int], draws: int, seed: int = 0
) -> Vector:
    """Pooled R² on ten grouped folds of networks drawn at random, whole configurations at a time.

    Everything from the signatures on is done again on each draw: folds, transforms, fit.

    Args:
        result: whose signatures and targets are taken, on any split.
        regressor: the unfitted one that the result describes.
        sizes: how many networks are drawn; as many as fit in whole configurations are.
        draws: how many of each size.
        seed: of the draws.

    Returns:
        Shape (sizes, draws); NaN where networks drawn have fewer than ten configurations, or one
        target.

    Raises:
        PredictorError: the regressor fails.
    """
    members: dict[str, list[str]] = {}
    for network in sorted(result.targets):
        members.setdefault(result.configurations[network], []).append(network)
    generator = np.random.RandomState(seed)
    found = np.full((len(sizes), draws), np.nan)
    for draw in range(draws):
        order = [sorted(members)[place] for place in generator.permutation(len(members))]
        for row, size in enumerate(sizes):
            networks: list[str] = []
            for configuration in order:
                if len(networks) + len(members[configuration]) <= size:
                    networks += members[configuration]
            found[row, draw] = out_of_fold_r2(result, regressor, networks, draw)
    return found


def r2_of_best_trained(
    result: "Result",
    regressor: "RegressorMixin",
    train_accuracy: Mapping[str, float],
    levels: Sequence[float],
    draws: int,
) -> Vector:
    """Pooled R² on ten grouped folds of the networks whose training accuracy reaches a level.

    Args:
        result: whose signatures and targets are taken, on any split.
        regressor: the unfitted one that the result describes.
        train_accuracy: of each network.
        levels: of training accuracy.
        draws: how often the folds are dealt.

    Returns:
        Shape (levels, draws); NaN where fewer than `FEWEST` networks reach the level.

    Raises:
        PredictorError: the regressor fails.
    """
    found = np.full((len(levels), draws), np.nan)
    for row, level in enumerate(levels):
        networks = [one for one in sorted(result.targets) if train_accuracy[one] >= level]
        for draw in range(draws):
            found[row, draw] = out_of_fold_r2(result, regressor, networks, draw)
    return found


def out_of_fold_r2(
    result: "Result", regressor: "RegressorMixin", networks: Sequence[str], seed: int
) -> float:
    """Pooled R² of some networks on ten grouped folds of them alone; NaN if that is not defined.

    Raises:
        PredictorError: the regressor fails.
    """
    from leaderboard.fitting.cross_validation import cross_validate

    configurations = [result.configurations[network] for network in networks]
    split = splits_of(networks, configurations, {}, seed).get(SPLIT)
    if split is None:
        return float("nan")
    fitted = cross_validate(
        {network: result.signatures[network] for network in networks},
        {network: result.targets[network] for network in networks},
        split.tests,
        regressor,
    )
    pairs = [
        (result.targets[network], prediction)
        for fold in fitted.folds
        for network, prediction in zip(fold.ids, fold.predictions, strict=True)
    ]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(metrics.r2(*zip(*pairs, strict=True)))
