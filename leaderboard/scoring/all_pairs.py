"""Every two of many predictors compared by R² on the same bootstrap draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.bootstrap import DRAWS, count_blocks, wins
from leaderboard.scoring.resampled import r2_of_all

Matrix = npt.NDArray[np.float64]


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
        for row, of_one in enumerate(values):
            won = wins(of_one, values[row:], larger_is_better=True)
            defined[row, row:] += np.isfinite(won).sum(axis=1)
            better[row, row:] += np.nansum(won, axis=1)
    upper = np.triu(np.ones_like(better, dtype=bool), 1)
    defined = np.where(upper.T, defined.T, defined)
    better = np.where(upper.T, defined - better.T, better)
    return AllPairs(better, defined)
