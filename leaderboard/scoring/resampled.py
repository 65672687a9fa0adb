"""Statistics of many weighted samples at once: what a bootstrap draws, without repeating a value.

A sample is a row of `counts`: how often each stored prediction stands in it. Every function gives
what that of the same name in `scoring.metrics` gives for the values repeated so often, NaN
included, up to rounding (1e-9). Targets and predictions have shape (n,), counts (samples, n), and
the result (samples,).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leaderboard.scoring import metrics
from leaderboard.scoring.metrics import Vector
from leaderboard.scoring.ranks import Ranks, dense_ranks

Counts = npt.NDArray[np.integer]
Matrix = npt.NDArray[np.float64]

DOUBTFUL = 1e-6
"""Samples whose variance is at most this fraction of the squared range of all values are computed
value by value: their sums of squares about a common center have lost too many digits."""

_COUNTS_AT_ONCE = 2**20
"""Counts that are looked at together: 8 MB as floats."""

_VALUES_AT_ONCE = 512
"""Values whose signs against all others are looked at together."""


def mse(targets: Vector, predictions: Vector, counts: Counts) -> Vector:
    """Mean squared errors; NaN of an empty sample. The cost is linear in counts."""
    with np.errstate(all="ignore"):
        sums = _sums(counts, (targets - predictions) ** 2)
        means: Vector = sums[:, 0] / counts.sum(axis=1)
    # A square that overflows spoils the samples without it too: 0 · ∞.
    return _one_by_one(metrics.mse, ~np.isfinite(means), means, targets, predictions, counts)


def rmse_points(targets: Vector, predictions: Vector, counts: Counts) -> Vector:
    """100 · √MSE. The cost is linear in counts."""
    return 100 * np.sqrt(mse(targets, predictions, counts))


def r2(targets: Vector, predictions: Vector, counts: Counts) -> Vector:
    """R² about the mean of each sample. The cost is linear in counts."""
    of_all: Vector = r2_of_all(targets, predictions[None], counts)[0]
    return of_all


def r2_of_all(targets: Vector, predictions: Matrix, counts: Counts) -> Matrix:
    """`r2` of several predictors at once, which look at the counts together.

    Args:
        targets: shape (n,).
        predictions: shape (k, n).
        counts: shape (samples, n).

    Returns:
        Shape (k, samples).
    """
    if not len(targets):
        return np.tile(_undefined(counts), (len(predictions), 1))
    with np.errstate(all="ignore"):
        spread = np.ptp(targets)
        y, residuals = (targets - targets.mean()) / spread, (targets - predictions) / spread
        sums = _sums(counts, y, y**2, *residuals**2).T
        size = counts.sum(axis=1)
        total = sums[1] - sums[0] ** 2 / size
        values: Matrix = 1 - sums[2:] / total
        clear = (total > DOUBTFUL * size) & np.isfinite(values) & _varies(targets)
    for of_one, sure, f in zip(values, clear, predictions, strict=True):
        _one_by_one(metrics.r2, ~sure, of_one, targets, f, counts)
    return values


def pearson(targets: Vector, predictions: Vector, counts: Counts) -> Vector:
    """Pearson's correlations. The cost is linear in counts."""
    if not len(targets):
        return _undefined(counts)
    with np.errstate(all="ignore"):
        y, f = ((values - values.mean()) / np.ptp(values) for values in (targets, predictions))
        sums = _sums(counts, y, f, y * y, f * f, y * f).T
        size = counts.sum(axis=1)
        of_y, of_f = sums[2] - sums[0] ** 2 / size, sums[3] - sums[1] ** 2 / size
        values = (sums[4] - sums[0] * sums[1] / size) / np.sqrt(of_y * of_f)
        clear = np.minimum(of_y, of_f) > DOUBTFUL * size
        clear &= _varies(targets) & _varies(predictions)
    clipped = np.clip(values, -1, 1)
    return _one_by_one(metrics.pearson, ~clear, clipped, targets, predictions, counts)


def spearman(targets: Vector, predictions: Vector, counts: Counts) -> Vector:
    """Spearman's ρ, ties at their mean rank within each sample. The cost is linear in counts.

    Two values tie where they do so among all values.

    Raises:
        ValueError: a value is not finite.
    """
    sides = [_places(dense_ranks(side)) for side in (targets, predictions)]
    values = np.empty(len(counts))
    for some in _blocks(counts):
        times = counts[some]
        (y, of_y), (f, of_f) = (_centered_ranks(side, times) for side in sides)
        with np.errstate(all="ignore"):
            products = np.einsum("sn,sn->s", times * y, f, dtype=np.float64)
            values[some] = np.clip(products / np.sqrt(of_y * of_f), -1, 1)
    return values


def kendall(targets: Vector, predictions: Vector, counts: Counts) -> Vector:
    """Kendall's τ_b. The cost is samples · n² multiplications: some 30 ms for 1,000 · 756².

    Two values tie where they do so among all values. Memory: 8 bytes a count, and some KB a value.

    Raises:
        ValueError: a value is not finite.
    """
    ranks, others = dense_ranks(targets), dense_ranks(predictions)
    # Sums of products of counts and signs are whole numbers far below 2²⁴: float32 holds them.
    weights = counts.astype(np.float32)
    concordance = np.zeros(len(counts))
    for start in range(0, len(ranks), _VALUES_AT_ONCE):
        some = slice(start, start + _VALUES_AT_ONCE)
        upto = slice(start + len(ranks[some]))
        signs = np.sign(np.subtract.outer(ranks[upto], ranks[some])).astype(np.float32)
        signs *= np.sign(np.subtract.outer(others[upto], others[some]))
        # Pairs with an earlier value stand for both orders.
        signs[:start] *= 2
        rows = weights[:, upto] @ signs
        concordance += np.einsum("sn,sn->s", rows, weights[:, some], dtype=np.float64)
    with np.errstate(all="ignore"):
        untied = _untied(ranks, counts) * _untied(others, counts)
        values: Vector = np.clip(concordance / np.sqrt(untied), -1, 1)
    return values


def _varies(values: Vector) -> bool:
    """Whether samples of a variance above `DOUBTFUL` vary by more than rounding."""
    return bool(np.ptp(values) * np.sqrt(DOUBTFUL) > metrics.CONSTANT * np.abs(values).max())


def _untied(ranks: Ranks, counts: Counts) -> Vector:
    sizes = _sizes(ranks, counts)
    pairs: Vector = counts.sum(axis=1, dtype=np.float64) ** 2 - np.einsum("sk,sk->s", sizes, sizes)
    return pairs


def _blocks(counts: Counts) -> Iterator[slice]:
    """Samples that are looked at together: all of them, but of very many values."""
    samples, values = counts.shape
    rows = max(1, _COUNTS_AT_ONCE // max(1, values))
    return (slice(start, min(start + rows, samples)) for start in range(0, samples, rows))


def _sums(counts: Counts, *columns: Vector) -> Matrix:
    """Sums over each sample of each of the columns, shape (samples, columns)."""
    together = np.column_stack(columns)
    return np.concatenate([counts[some] @ together for some in _blocks(counts)])


class _Places(NamedTuple):
    """Order of the values by their ranks, where each rank begins in it, and the ranks."""

    order: Ranks
    starts: Ranks
    ranks: Ranks


def _places(ranks: Ranks) -> _Places:
    order = np.argsort(ranks, kind="stable")
    return _Places(order, np.append(0, np.cumsum(np.bincount(ranks))), ranks)


def _centered_ranks(places: _Places, counts: Counts) -> tuple[Counts, Vector]:
    """Twice the mean rank of each value less the sample's mean, and the sums of their squares.

    All of them are whole numbers, so that sums are exact and a constant sample has 0.
    """
    upto = np.zeros((len(counts), len(places.order) + 1), np.int32)
    np.cumsum(counts[:, places.order], axis=1, out=upto[:, 1:])
    ends = upto.take(places.starts, axis=1)
    centered = ends[:, 1:] + ends[:, :-1] - upto[:, -1:]
    weighted = np.multiply(np.diff(ends, axis=1), centered, dtype=np.float64)
    squares: Vector = np.einsum("sk,sk->s", weighted, centered, dtype=np.float64)
    return centered.take(places.ranks, axis=1), squares


def _sizes(ranks: Ranks, counts: Counts) -> Matrix:
    """How many values of each sample have each rank, shape (samples, ranks)."""
    order = np.argsort(ranks, kind="stable")
    starts = np.flatnonzero(np.diff(ranks[order], prepend=-1))
    return np.add.reduceat(counts[:, order], starts, axis=1, dtype=np.float64)


def _undefined(counts: Counts) -> Vector:
    return np.full(len(counts), np.nan)


def _one_by_one(
    statistic: Callable[[npt.ArrayLike, npt.ArrayLike], float],
    which: npt.NDArray[np.bool_],
    values: Vector,
    targets: Vector,
    predictions: Vector,
    counts: Counts,
) -> Vector:
    for sample in np.flatnonzero(which).tolist():
        times = counts[sample]
        with np.errstate(all="ignore"):
            values[sample] = statistic(np.repeat(targets, times), np.repeat(predictions, times))
    return values
