"""Every two of many predictors compared by R² on the same bootstrap draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.bootstrap import DRAWS, count_blocks
from leaderboard.scoring.ranks import ROUNDING
from leaderboard.scoring.resampled import r2_of_all

Matrix = npt.NDArray[np.float64]

_DRAWS_AT_ONCE = 2048
"""Draws whose values, and what is made of them for one predictor, stay in a core's cache."""


@dataclass(frozen=True)
class AllPairs:
    """Pairs of k predictors on the same draws.

    Attributes:
        better: draws in which the predictor of the row is better than that of the column, a draw
            counting half where both are equal but for rounding; shape (k, k).
        defined: draws in which R² of both is defined, shape (k, k).
    """

    better: Matrix
    defined: Matrix

    @property
    def first_better(self) -> Matrix:
        """Fraction of the defined draws in which the row's is better; NaN where there is none."""
        with np.errstate(invalid="ignore"):
            return self.better / self.defined

    @property
    def p_values(self) -> Matrix:
        """Two-sided p value of each pair, shape (k, k): is one better than the other by chance?

        Twice the smaller side's share of the draws, one more draw counted on that side, so that
        none is 0: with D draws the least is 2 / (D + 1). 1 where no draw is defined.
        """
        less = np.minimum(self.better, self.defined - self.better)
        p_values = np.minimum(2 * (less + 1) / (self.defined + 1), 1.0)
        return np.where(self.defined > 0, p_values, 1.0)


def all_pairs(
    targets: npt.ArrayLike,
    predictions: npt.ArrayLike,
    groups: Sequence[str],
    draws: int = DRAWS,
    seed: int = 0,
) -> AllPairs:
    """What `leaderboard.scoring.bootstrap.compare` finds by R² for every two of k predictors.

    Args:
        targets: shape (n,), finite.
        predictions: shape (k, n), finite.
        groups: configuration of each network, shape (n,); whole configurations are drawn.
        draws: number of bootstrap samples; they are not held in memory together.
        seed: of the draws.
    """
    y, of_all = np.asarray(targets, np.float64), np.asarray(predictions, np.float64)
    better = np.zeros((len(of_all), len(of_all)))
    defined = np.zeros_like(better)
    for counts in count_blocks(groups, draws, seed):
        values = r2_of_all(y, of_all, counts)
        for start in range(0, values.shape[1], _DRAWS_AT_ONCE):
            _count(np.ascontiguousarray(values[:, start : start + _DRAWS_AT_ONCE]), better, defined)
    upper = np.triu(np.ones_like(better, dtype=bool), 1)
    defined = np.where(upper.T, defined.T, defined)
    better = np.where(upper.T, defined - better.T, better)
    return AllPairs(better, defined)


def _count(values: Matrix, better: Matrix, defined: Matrix) -> None:
    """Add draws, (k, draws), to the upper halves of `better` and `defined`.

    The sums are those of `leaderboard.scoring.bootstrap.wins`, from counts of larger and smaller
    ones.
    """
    sizes = ROUNDING * np.abs(values)
    all_finite = bool(np.isfinite(values).all())
    with np.errstate(all="ignore"):
        for row, of_one in enumerate(values):
            difference = of_one - values[row:]
            near = np.maximum(sizes[row], sizes[row:])
            larger, smaller = difference > near, difference < -near
            compared: npt.NDArray[np.int64] | int = values.shape[1]
            if not all_finite:
                finite = np.isfinite(difference)
                larger &= finite
                smaller &= finite
                compared = np.count_nonzero(finite, axis=1)
            ahead = np.count_nonzero(larger, axis=1) - np.count_nonzero(smaller, axis=1)
            defined[row, row:] += compared
            better[row, row:] += (compared + ahead) / 2
