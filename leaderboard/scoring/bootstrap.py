"""Bootstrap intervals of statistics from stored predictions: nothing is fitted again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.metrics import Vector
from leaderboard.scoring.ranks import ROUNDING
from leaderboard.scoring.resampled import Counts

DRAWS = 1000
_COUNTS_AT_ONCE = 2**20
"""Counts of networks in draws that are made together."""

LEVEL = 0.95
"""Part of the draws between the two ends of an interval."""


@dataclass(frozen=True)
class Statistic:
    """A statistic of targets and predictions.

    Attributes:
        plain: of one sample.
        resampled: of many, by counts.
        larger_is_better: whether it grows as predictions improve.
        values: which values of `leaderboard.scoring.inputs.Pooled` it is taken of.
    """

    plain: Callable[[npt.ArrayLike, npt.ArrayLike], float]
    resampled: Callable[[Vector, Vector, Counts], Vector]
    larger_is_better: bool
    values: str = "predictions"


@dataclass(frozen=True)
class Interval:
    """A statistic and its 95 % percentile interval.

    Attributes:
        estimate: on the networks themselves; NaN where not defined.
        low: 2.5 % quantile of the draws where the statistic is defined; NaN where it is in none.
        high: 97.5 % quantile of them.
        undefined: draws where it is not defined or not finite, left out of the quantiles.
    """

    estimate: float
    low: float
    high: float
    undefined: int


@dataclass(frozen=True)
class Comparison:
    """Two predictors on the same draws.

    Attributes:
        difference: of the statistic, the first predictor's minus the second's, with its interval.
        first_better: fraction of the defined draws in which the first predictor is better, a draw
            counting half where both are equal but for rounding; NaN where no draw is defined.
    """

    difference: Interval
    first_better: float


def resample_counts(groups: Sequence[str], draws: int, seed: int) -> Counts:
    """How often each network stands in each bootstrap sample of whole groups.

    From the g distinct groups g are drawn with replacement, each with all its networks: copies of
    a configuration are no independent evidence. Samples differ in size where groups do.

    Args:
        groups: configuration of each network, shape (n,).
        draws: number of samples.
        seed: the same seed draws the same groups, in whatever order the networks stand.

    Returns:
        Shape (draws, n).
    """
    return _resample_counts(tuple(groups), draws, seed)


@lru_cache(maxsize=2)
def _resample_counts(groups: tuple[str, ...], draws: int, seed: int) -> Counts:
    # All predictors on a zoo have the same draws.
    of_networks = np.empty((draws, len(groups)), np.uint8)
    start = 0
    for counts in count_blocks(groups, draws, seed):
        of_networks[start : start + len(counts)] = counts
        start += len(counts)
    of_networks.setflags(write=False)
    return of_networks


def count_blocks(groups: Sequence[str], draws: int, seed: int) -> Iterator[Counts]:
    """The rows of `resample_counts`, some at a time: the whole may be more than memory holds."""
    if not len(groups):
        yield np.zeros((draws, 0), np.uint8)
        return
    names, group = np.unique(np.array(groups, dtype=np.str_), return_inverse=True)
    # RandomState's streams are frozen for good (NEP 19); those of a Generator may change.
    stream = np.random.RandomState(seed)
    at_once = max(1, _COUNTS_AT_ONCE // len(group))
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        drawn = stream.randint(len(names), size=(rows, len(names)))
        cells = drawn + len(names) * np.arange(rows)[:, None]
        counts = np.bincount(cells.ravel(), minlength=rows * len(names))
        # Of more than 255 groups one is drawn 256 times with odds below 1e-500.
        yield counts.reshape(rows, len(names)).astype(np.uint8)[:, group]


def intervals(
    targets: npt.ArrayLike,
    predictions: npt.ArrayLike,
    groups: Sequence[str],
    statistics: Mapping[str, Statistic],
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals of statistics of out-of-fold predictions.

    The same draws serve all statistics. For 1,000 draws of 756 networks R², MSE and Pearson take
    some 20 ms together, most of it drawing; Spearman and Kendall some 50 ms each.

    Args:
        targets: shape (n,), finite.
        predictions: one for each target, shape (n,), finite.
        groups: configuration of each network, shape (n,).
        statistics: name → statistic; those of the scores are `leaderboard.scoring.STATISTICS`.
        draws: number of bootstrap samples.
        seed: of the draws.

    Returns:
        Name → interval.

    Raises:
        ValueError: the lengths differ, or a value is not finite.
    """
    y, f = _values(targets, groups), _values(predictions, groups)
    counts = resample_counts(groups, draws, seed)
    return {
        name: _interval(statistic.plain(y, f), statistic.resampled(y, f, counts))
        for name, statistic in statistics.items()
    }


def compare(
    targets: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    groups: Sequence[str],
    statistic: Statistic,
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap: two predictors' predictions for the same networks, on the same draws.

    A draw is undefined where the statistic is so for either predictor.

    Args:
        targets: shape (n,), finite.
        first: predictions of the first predictor, shape (n,), finite.
        second: predictions of the second predictor, shape (n,), finite.
        groups: configuration of each network, shape (n,).
        statistic: to compare by, one of `leaderboard.scoring.STATISTICS`.
        draws: number of bootstrap samples.
        seed: of the draws.

    Raises:
        ValueError: the lengths differ, or a value is not finite.
    """
    y, one, other = (_values(values, groups) for values in (targets, first, second))
    counts = resample_counts(groups, draws, seed)
    of_one, of_other = (statistic.resampled(y, values, counts) for values in (one, other))
    with np.errstate(all="ignore"):
        difference = of_one - of_other
    won = wins(of_one, of_other, statistic.larger_is_better)
    defined = won[np.isfinite(won)]
    return Comparison(
        _interval(statistic.plain(y, one) - statistic.plain(y, other), difference),
        float(defined.mean()) if len(defined) else float("nan"),
    )


def wins(of_one: Vector, of_other: Vector, larger_is_better: bool) -> Vector:
    """Where one value is better than another: 1, 0 where it is worse, ½ where both are equal.

    Equal but for rounding. NaN where the difference is not finite. Shapes are broadcast.
    """
    with np.errstate(all="ignore"):
        difference = of_one - of_other
        near = ROUNDING * np.maximum(np.abs(of_one), np.abs(of_other))
    signs = np.where(np.abs(difference) <= near, 0, np.sign(difference))
    won: Vector = (1 + (signs if larger_is_better else -signs)) / 2
    return np.where(np.isfinite(difference), won, np.nan)


def _interval(estimate: float, values: Vector) -> Interval:
    defined = values[np.isfinite(values)]
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(defined, ends) if len(defined) else (np.nan, np.nan)
    return Interval(estimate, float(low), float(high), len(values) - len(defined))


def _values(values: npt.ArrayLike, groups: Sequence[str]) -> Vector:
    vector = np.asarray(values, np.float64)
    if vector.shape != (len(groups),):
        raise ValueError(f"values of shape {vector.shape} for {len(groups)} networks")
    if not np.isfinite(vector).all():
        raise ValueError("a bootstrap needs finite targets and predictions")
    return vector
