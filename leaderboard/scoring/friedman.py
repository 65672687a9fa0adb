"""Are predictors alike over several data sets? Friedman's test, Nemenyi's critical difference.

As Demšar 2006, "Statistical comparisons of classifiers over multiple data sets", section 3.2.2,
takes them: methods are ranked on each data set, and their mean ranks are compared. k is the number
of methods, N that of data sets.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.ranks import average_ranks

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

ALPHA = 0.05
"""Chance that all is alike and a test says otherwise, of each test here."""


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all methods are alike, and Iman and Davenport's form of it.

    Attributes:
        statistic: Friedman's χ², corrected for ties; NaN where all methods tie on each data set.
        p_value: chance of one as large by the χ² distribution with k - 1 degrees of freedom, which
            holds for many data sets.
        f: (N - 1) χ² / (N (k - 1) - χ²), which Demšar prefers as the less conservative; infinite
            where the order of the methods is the same on all data sets.
        f_p_value: chance of one as large by the F distribution with `f_freedom`, or, where that is
            more, of these very ranks but for the methods' names (`chance_of_ranks`): the same order
            on two data sets gives F = ∞, and of two methods it does so half of the time.
        f_freedom: degrees of freedom k - 1 and (k - 1) (N - 1).
    """

    statistic: float
    p_value: float
    f: float
    f_p_value: float
    f_freedom: tuple[int, int]


def ranks_of_rows(scores: npt.ArrayLike) -> Matrix:
    """Ranks within each row, 1 for the largest; those that are equal but for rounding share a mean.

    Args:
        scores: shape (data sets, methods), finite, larger is better.

    Returns:
        Shape (data sets, methods).

    Raises:
        ValueError: a score is not finite.

    >>> ranks_of_rows([[0.9, 0.1, 0.5], [0.3, 0.3, 0.7]]).tolist()
    [[1.0, 3.0, 2.0], [2.5, 2.5, 1.0]]
    """
    return np.stack([average_ranks(-row) for row in np.asarray(scores, np.float64)])


def friedman(ranks: Matrix) -> Friedman:
    """Test whether the ranks of methods differ by more than chance.

    Args:
        ranks: of `ranks_of_rows`, shape (N, k), both at least 2.
    """
    from scipy.special import chdtrc, fdtrc

    sets, methods = ranks.shape
    middle = (methods + 1) / 2
    between = sets**2 * float(np.sum((ranks.mean(axis=0) - middle) ** 2))
    # Without ties N k (k² - 1) / 12; smaller by what ties take away.
    within = float(np.sum((ranks - middle) ** 2))
    freedom = methods - 1, (methods - 1) * (sets - 1)
    if not within:
        undefined = float("nan")
        return Friedman(undefined, undefined, undefined, undefined, freedom)
    statistic = freedom[0] * between / within
    f = iman_davenport(statistic, sets, methods)
    f_p_value = max(float(fdtrc(*freedom, f)) if np.isfinite(f) else 0.0, chance_of_ranks(ranks))
    return Friedman(statistic, float(chdtrc(freedom[0], statistic)), f, f_p_value, freedom)


def chance_of_ranks(ranks: Matrix) -> float:
    """Chance of these ranks, up to the methods' names, if each data set orders methods at random.

    Ties are taken as given. No test of the ranks can have a smaller p value: under any names they
    are as far from all alike.

    Args:
        ranks: shape (data sets, methods).

    >>> round(1 / chance_of_ranks(np.array([[1.0, 2.0, 3.0]] * 3)))  # 3!²
    36
    """
    _, alike = np.unique(ranks, axis=1, return_counts=True)
    orders = [_log_orders(np.unique(of_one, return_counts=True)[1].tolist()) for of_one in ranks]
    return math.exp(_log_orders(alike.tolist()) - math.fsum(orders))


def _log_orders(sizes: Sequence[int]) -> float:
    """Log of the number of orders of things in groups of these sizes, within which they tie."""
    return math.lgamma(sum(sizes) + 1) - math.fsum(math.lgamma(size + 1) for size in sizes)


def iman_davenport(statistic: float, sets: int, methods: int) -> float:
    """Iman and Davenport's F of Friedman's χ²: see `Friedman.f`.

    >>> round(iman_davenport(9.28, 14, 4), 2)  # the example of Demšar 2006
    3.69
    """
    left = sets * (methods - 1) - statistic
    rounding = 1e-12 * sets * (methods - 1)
    return (sets - 1) * statistic / left if left > rounding else float("inf")


def critical_difference(methods: int, sets: int, alpha: float = ALPHA) -> float:
    """How far apart two mean ranks must lie to differ by Nemenyi's test: q_α √(k (k + 1) / (6 N)).

    q_α is the quantile of the range of k standard normal values, divided by √2, from scipy and not
    from a printed table.

    Args:
        methods: k, at least 2.
        sets: N.
        alpha: chance that any two of k equal methods lie as far apart.

    >>> round(critical_difference(4, 14), 2)  # the example of Demšar 2006
    1.25
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - alpha, methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * sets)))


def groups_within(mean_ranks: npt.ArrayLike, difference: float) -> list[tuple[int, int]]:
    """The largest groups of methods of which no two mean ranks lie `difference` apart.

    Args:
        mean_ranks: in ascending order.
        difference: the critical one.

    Returns:
        First and last position of each group of two or more; groups may overlap, and none lies
        within another.

    >>> groups_within([1.0, 1.5, 2.4, 5.0], 1.0)
    [(0, 1), (1, 2)]
    """
    ranks = np.asarray(mean_ranks, np.float64)
    groups: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = int(np.searchsorted(ranks, rank + difference, side="left")) - 1
        if last > first and not (groups and last <= groups[-1][1]):
            groups.append((first, last))
    return groups


def lanes(groups: Sequence[tuple[int, int]]) -> list[int]:
    """Where to draw each group of `groups_within`, so that those that overlap lie side by side.

    Returns:
        A lane a group, the first that is free, from 0.

    >>> lanes([(0, 2), (1, 3), (4, 5)])
    [0, 1, 0]
    """
    last_in_lane: list[int] = []
    found = []
    for first, last in groups:
        free = (lane for lane, end in enumerate(last_in_lane) if end < first)
        lane = next(free, len(last_in_lane))
        last_in_lane[lane : lane + 1] = [last]
        found.append(lane)
    return found


def rank_ticks(methods: int, most: int = 7) -> list[int]:
    """Whole ranks from 1 to k at equal steps, at most so many, for an axis.

    >>> rank_ticks(4), rank_ticks(44)
    ([1, 2, 3, 4], [1, 9, 17, 25, 33, 41])
    """
    return list(range(1, methods + 1, max(1, -(-(methods - 1) // (most - 1)))))
