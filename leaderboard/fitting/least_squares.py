"""Out-of-fold predictions of least squares, for all folds of a split together.

They equal those of the regressors fitted fold by fold, but for rounding. Where rounding could make
a difference (which columns count as dependent, which of two groups fits better) a fold is left out.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression

from leaderboard.fitting.fold_indices import Divisions
from leaderboard.fitting.fold_problems import FoldProblems, fold_problems
from leaderboard.fitting.fold_selection import best_groups, forward
from leaderboard.fitting.known_regressors import BestOfGroups, Forward, known_regressor
from leaderboard.fitting.minimum_norm import ROUNDING, STEEPEST, Mask, minimum_norm
from leaderboard.scoring.metrics import Vector


def fold_predictions(
    regressor: Any, rows: Vector, targets: Vector, divisions: Divisions
) -> dict[int, Vector]:
    """Predict the test networks of every fold that can be solved together with the others.

    Args:
        regressor: unfitted; whatever it is, it is not fitted.
        rows: signatures of all networks, shape (networks, features).
        targets: shape (networks,).
        divisions: the folds.

    Returns:
        Number of the fold → predictions of its test networks, in order. Empty for a regressor that
        is not known to be least squares; folds that must be fitted one by one are not there.
    """
    known = known_regressor(regressor, rows.shape[1])
    if known is None or not np.isfinite(rows).all():
        return {}
    # What has no logarithm, say, is for the regressor itself to complain about.
    with np.errstate(all="ignore"):
        columns = known.design(rows)
    problems = fold_problems(columns, targets, divisions)
    if problems is None:
        return {}
    match known.solver:
        case BestOfGroups(groups=groups):
            weights, certain = best_groups(problems, groups)
        case Forward(count=count):
            weights, certain = forward(problems, count)
        case _:
            weights, certain = _all_columns(problems)
    predicted = problems.predictions(weights)
    return {
        int(fold): predicted[divisions.parts[fold].test, column]
        for column, fold in enumerate(problems.folds)
        if certain[column]
    }


def _all_columns(problems: FoldProblems) -> tuple[Vector, Mask]:
    """Weights of least squares on all columns, shape (F, k), and which of them are certain."""
    columns = problems.reduced * problems.scales
    everything = np.arange(columns.shape[1])
    rank, varying = len(columns), np.count_nonzero(problems.scales)
    if rank < varying and counts_as_zero() < 4 * ROUNDING:
        return np.zeros_like(problems.targets), np.zeros(len(problems.folds), np.bool_)
    sizes = np.linalg.svd(columns, compute_uv=False)
    if sizes[0] < STEEPEST * sizes[-1] * np.sqrt(problems.shares.min()):
        transposed = problems.roots.swapaxes(1, 2)
        weights = np.linalg.solve(transposed, problems.targets[:, :, None])[:, :, 0]
        solved = weights @ np.linalg.pinv(columns).T
        return np.asarray(weights, np.float64), problems.keep_digits(solved, everything)
    zero = np.full(len(problems.folds), counts_as_zero())
    solved, certain = minimum_norm(problems.roots.swapaxes(1, 2) @ columns, problems.targets, zero)
    return solved @ columns.T, certain & problems.keep_digits(solved, everything)


@lru_cache
def counts_as_zero() -> float:
    """What part of the largest singular value is zero to LinearRegression as installed.

    Its `tol` holds for dense columns since scikit-learn 1.9; before, the precision of a double did.
    """
    model = LinearRegression().fit([[1, 0], [-1, 0], [0, 1e-9], [0, -1e-9]], [0, 0, 0, 0])
    return float(np.finfo(np.float64).eps if model.rank_ == 2 else model.tol)
