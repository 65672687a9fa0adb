"""Ranks of values that may be equal but for rounding: what rank statistics begin with."""

import numpy as np
import numpy.typing as npt

Ranks = npt.NDArray[np.int64]

ROUNDING = 1e-12
"""Neighbors tie where they differ by at most this fraction of the larger of themselves and of the
median magnitude of all values.

The median, so that two gaps of zero tie where one of them came out as 1e-17, and one wild value
does not make ties of all others.
"""


def dense_ranks(values: npt.ArrayLike) -> Ranks:
    """Ranks 0, 1, 2 …, one for all values that are equal but for rounding.

    Gaps are differences of accuracies, and predictions are sums of products: equal ones may differ
    by an ulp, whose sign means nothing. The sign of a difference of ranks is therefore taken where
    the sign of a difference of values is meant.

    Args:
        values: shape (networks,), finite.

    Raises:
        ValueError: a value is not finite.

    >>> dense_ranks([0.3, 0.1, 0.1 + 0.2]).tolist()
    [1, 0, 1]
    """
    given = np.asarray(values, np.float64)
    if not np.isfinite(given).all():
        raise ValueError("only finite values have ranks")
    order = np.argsort(given, kind="stable")
    ordered = given[order]
    size = np.abs(ordered)
    with np.errstate(over="ignore"):
        steps = np.diff(ordered)
    larger = np.maximum(size[1:], size[:-1])
    near = ROUNDING * np.maximum(larger, np.median(size) if len(size) else 0.0)
    ranks = np.zeros(len(given), np.int64)
    ranks[order[1:]] = np.cumsum(steps > near)
    return ranks


def average_ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Ranks from 1, ties given the mean of the ranks they share.

    Args:
        values: shape (networks,), finite.

    Raises:
        ValueError: a value is not finite.

    >>> average_ranks([0.3, 0.1, 0.1 + 0.2]).tolist()
    [2.5, 1.0, 2.5]
    """
    ranks = dense_ranks(values)
    sizes = np.bincount(ranks)
    means: npt.NDArray[np.float64] = np.cumsum(sizes) - (sizes - 1) / 2
    return means[ranks]
