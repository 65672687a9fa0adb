"""Sign errors between pairs of configurations: the environments of Dziugaite et al. 2020."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.cells import Cells, cells
from leaderboard.scoring.factors import Factors, ranked
from leaderboard.scoring.ranks import Ranks

Vector = npt.NDArray[np.float64]

LEAST_EFFECTIVE: Final = 12.0
"""Effective number of pairs that an environment needs, as in the authors' code."""

_LEAST_WEIGHT: Final = 0.5
"""Taken off every weight: pairs whose gaps differ with no more than this are left out."""


@dataclass(frozen=True)
class RobustSignErrors:
    """Sign errors of a measure, each environment counting alike.

    Attributes:
        errors: of the environments with enough pairs, ascending, in [0, 1], shape (environments,).
        by_factor: factor that differs → its environments' errors, ascending.
        too_few: environments left out because their effective number of pairs is too small.
    """

    errors: Vector
    by_factor: dict[str, Vector]
    too_few: int

    @property
    def maximum(self) -> float:
        """The robust error of the paper, the largest of all environments; NaN without one."""
        return float(self.errors[-1]) if len(self.errors) else float("nan")

    @property
    def mean(self) -> float:
        """NaN without an environment."""
        return float(self.errors.mean()) if len(self.errors) else float("nan")

    def quantile(self, fraction: float) -> float:
        """The quantile of the errors, interpolated linearly; NaN without an environment."""
        return float(np.quantile(self.errors, fraction)) if len(self.errors) else float("nan")


def robust_sign_errors(
    targets: npt.ArrayLike,
    measure: npt.ArrayLike,
    factors: Factors,
    test_images: int | None = 10_000,
    least_effective: float = LEAST_EFFECTIVE,
) -> RobustSignErrors:
    """Sign errors over pairs of configurations (Dziugaite et al. 2020, "In Search of Robust …").

    An environment is a pair of configurations that differ in one factor. Its pairs of networks are
    the copies of the one crossed with the copies of the other. A pair's error is
    (1 - sign(Δtarget) · sign(Δmeasure)) / 2, and its weight says how surely the two gaps differ,
    each being measured on n test images: w = max(0, 1 - 2 exp(-n Δ² / 2))², less 1/2, at least 0.
    An environment's error is the weighted mean; environments whose effective number of pairs
    (Σw)² / Σw² is below 12 are left out.

    Read in experiments/coupled_networks of nitarshan/robust-generalization-measures at 8e90129;
    its maxima, means and numbers of environments on 4,836 networks come out to 1e-12. There every
    environment is counted in both directions, which changes none of them but the number.

    The cost is linear in the pairs of networks whose configurations differ in one factor.

    Args:
        targets: shape (networks,), finite; gaps, or accuracies as fractions.
        measure: shape (networks,), finite.
        factors: name → level of each network; copies of a configuration have equal levels of all.
        test_images: n; None: every pair has the weight 1.
        least_effective: effective number of pairs that an environment needs.

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    ranks, others, encoded = ranked(targets, measure, factors)
    gaps = np.asarray(targets, np.float64)
    by_factor, too_few = {}, 0
    for of_factor in cells(encoded, len(ranks)):
        errors, left_out = [np.empty(0)], 0
        for sums in _environments(of_factor, ranks, others, gaps, test_images):
            found = _errors(sums, least_effective)
            errors.append(found)
            left_out += sums.shape[1] - len(found)
        by_factor[of_factor.factor.name] = np.sort(np.concatenate(errors))
        too_few += left_out
    everything = np.sort(np.concatenate([np.empty(0), *by_factor.values()]))
    return RobustSignErrors(everything, by_factor, too_few)


def _weights(differences: Vector, test_images: int | None) -> Vector:
    if test_images is None:
        return np.ones(len(differences))
    sure = np.maximum(0.0, 1 - 2 * np.exp(-test_images * differences**2 / 2)) ** 2
    weights: Vector = np.maximum(sure - _LEAST_WEIGHT, 0.0)
    return weights


def _environments(
    cells: Cells, ranks: Ranks, others: Ranks, gaps: Vector, test_images: int | None
) -> Iterator[Vector]:
    """Sums of w, w² and w · error of all environments, shape (3, some environments) at a time."""
    starts, configuration = cells.environments, cells.configuration
    ranks, others, gaps = ranks[cells.order], others[cells.order], gaps[cells.order]
    sums, start = np.zeros((3, 0)), 0
    for pairs in cells.blocks():
        place = pairs.of_first(starts[configuration] - configuration - 1 - start)
        place += configuration[pairs.second]
        errors = (1 - pairs.agreement(ranks, others)) / 2
        weights = _weights(pairs.of_first(gaps) - gaps[pairs.second], test_images)
        more = [np.bincount(place, of) for of in (weights, weights**2, weights * errors)]
        before, sums = sums, np.array(more)
        sums[:, : before.shape[1]] += before
        # The last configuration may have further pairs, in the next block.
        done = int(starts[configuration[pairs.networks][-1]]) - start
        yield sums[:, :done]
        sums, start = sums[:, done:], start + done
    yield sums


def _errors(sums: Vector, least_effective: float) -> Vector:
    """Errors of the environments with enough pairs."""
    totals, squares, wrong = sums
    effective = np.divide(totals**2, squares, out=np.zeros_like(totals), where=squares > 0)
    enough = (effective > least_effective) | np.isclose(effective, least_effective)
    errors: Vector = wrong[enough] / totals[enough]
    return errors
