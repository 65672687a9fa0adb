"""Selection of columns inside every fold, for many folds at once.

Each function repeats, on reduced problems, what a regressor of the baselines does to the columns of
one fold. A choice that rounding could turn is not certain, and the fold is to be fitted by itself.
"""

from collections.abc import Sequence

import numpy as np

from leaderboard.fitting.fold_indices import Positions
from leaderboard.fitting.fold_problems import FoldProblems
from leaderboard.fitting.minimum_norm import Mask, minimum_norm
from leaderboard.scoring.metrics import Vector

_DEPENDENT = 1e-10
"""A direction with less than this part of a column is one that the column does not have."""
_TIE = 1e-12
"""Residuals that differ by less than this part of the target's sum of squares are equal."""
_EPS = float(np.finfo(np.float64).eps)


def best_groups(problems: FoldProblems, groups: Sequence[Sequence[int]]) -> tuple[Vector, Mask]:
    """Least squares on the group of columns that leaves the least residual in a fold.

    Args:
        problems: F of them, in k dimensions.
        groups: column indices; of equally good groups the first is taken.

    Returns:
        Weights, shape (F, k), and which of them are certain, shape (F,).
    """
    unit, rounding = _unit_columns(problems)
    explained = np.empty((len(problems.folds), len(groups)))
    errors = np.empty_like(explained)
    certain = np.ones(len(problems.folds), np.bool_)
    for number, group in enumerate(groups):
        left, sizes, _ = np.linalg.svd(unit[:, :, list(group)], full_matrices=False)
        independent = sizes > _DEPENDENT
        inside = np.einsum("fki,fk->fi", left, problems.targets) * independent
        explained[:, number] = np.einsum("fi,fi->f", inside, inside)
        smallest = np.where(independent, sizes, 1.0).min(axis=1)
        errors[:, number] = _error(rounding / smallest, problems.squares)
        certain &= ~_near_dependence(sizes).any(axis=1)
    best, clear = _first_of_the_best(explained, errors, problems.squares)
    weights, solved = np.zeros_like(problems.targets), np.zeros_like(certain)
    for number, group in enumerate(groups):
        chosen = best == number
        columns = np.broadcast_to(list(group), (len(best), len(group)))
        found, sure = _weights(problems, columns, chosen)
        weights[chosen], solved[chosen] = found, sure
    return weights, certain & clear & solved


def forward(problems: FoldProblems, count: int) -> tuple[Vector, Mask]:
    """Least squares on columns added one at a time, each the one that leaves the least residual.

    Args:
        problems: F of them, in k dimensions.
        count: of columns to select; all, if there are fewer.

    Returns:
        Weights, shape (F, k), and which of them are certain, shape (F,).
    """
    left, rounding = _unit_columns(problems)
    every = np.arange(len(problems.folds))
    closed = np.zeros((len(every), left.shape[2]), np.bool_)
    certain = np.ones(len(every), np.bool_)
    selected = []
    for _ in range(min(count, left.shape[2])):
        squares = np.einsum("fkc,fkc->fc", left, left)
        sizes = np.sqrt(squares)
        independent = squares > _DEPENDENT**2
        scale = np.where(independent, sizes, 1.0)
        # What is left of a column is orthogonal to what was taken out: the whole target will do.
        along = np.einsum("fk,fkc->fc", problems.targets, left) / scale
        gains = np.where(independent, along, 0.0) ** 2
        errors = _error(rounding[:, None] / scale, problems.squares[:, None])
        certain &= ~(_near_dependence(sizes) & ~closed).any(axis=1)
        gains, errors = np.where(closed, -np.inf, gains), np.where(closed, 0.0, errors)
        best, clear = _first_of_the_best(gains, errors, problems.squares)
        certain &= clear
        selected.append(best)
        closed[every, best] = True
        # Where nothing independent is left, the direction is zero and takes nothing out.
        within = np.where(independent[every, best], 1.0, 0.0) / scale[every, best]
        direction = left[every, :, best] * within[:, None]
        left = left - direction[:, :, None] * np.einsum("fk,fkc->fc", direction, left)[:, None, :]
        rounding = rounding / scale[every, best]
    weights, solved = _weights(problems, np.stack(selected, axis=1), slice(None))
    return weights, certain & solved


def _unit_columns(problems: FoldProblems) -> tuple[Vector, Vector]:
    """Columns of norm 1 or 0, shape (F, k, columns), and bounds of their rounding, shape (F,)."""
    columns = problems.roots.swapaxes(1, 2) @ problems.reduced
    norms = np.linalg.norm(columns, axis=1, keepdims=True)
    return columns / np.where(norms > 0, norms, 1.0), 16 * _EPS / problems.shares


def _error(rounding: Vector, total: Vector) -> Vector:
    """Bounds of the rounding of a gain, when its direction is known but for `rounding`."""
    errors: Vector = 4 * np.minimum(rounding, 1.0) * total
    return errors


def _near_dependence(sizes: Vector) -> Mask:
    near: Mask = (sizes > _DEPENDENT / 10) & (sizes < _DEPENDENT * 10)
    return near


def _first_of_the_best(gains: Vector, errors: Vector, total: Vector) -> tuple[Positions, Mask]:
    """The first index of a largest gain in each row, and whether rounding leaves no other."""
    rows, places = np.arange(len(gains)), np.arange(gains.shape[1])
    tie = _TIE * total[:, None]
    upper, lower = gains + errors, gains - errors
    top = upper.argmax(axis=1)
    besides = upper.copy()
    besides[rows, top] = -np.inf
    rival = np.where(
        places == top[:, None], besides.max(axis=1)[:, None], upper.max(axis=1)[:, None]
    )
    equal = lower >= rival - tie
    worse = upper < lower.max(axis=1)[:, None] - tie
    first = equal.argmax(axis=1)
    clear = equal.any(axis=1) & (worse | (places >= first[:, None])).all(axis=1)
    return first, clear


def _weights(
    problems: FoldProblems, selected: Positions, where: Mask | slice
) -> tuple[Vector, Mask]:
    """Weights of least squares on the columns selected in each of some folds (F, columns)."""
    columns = (problems.reduced * problems.scales).T[selected[where]].swapaxes(1, 2)
    matrices = problems.roots[where].swapaxes(1, 2) @ columns
    networks = problems.networks[where]
    zero = _EPS * np.maximum(networks, selected.shape[1])
    solved, certain = minimum_norm(matrices, problems.targets[where], zero)
    certain &= problems.keep_digits(solved, selected[where])
    return np.einsum("fkc,fc->fk", columns, solved), certain
