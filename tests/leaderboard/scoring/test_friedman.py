import itertools
import math

import numpy as np
import pytest
from scipy import stats

from leaderboard.scoring.friedman import (
    chance_of_ranks,
    critical_difference,
    friedman,
    groups_within,
    iman_davenport,
    ranks_of_rows,
)

Q_05 = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
Q_10 = (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920)
"""Demšar 2006, Table 5 (a): q of the two-tailed Nemenyi test for 2 to 10 classifiers."""

MEAN_RANKS = np.array([3.143, 2.000, 2.893, 1.964])
"""Demšar 2006, Table 6: of four classifiers on 14 data sets."""


@pytest.mark.parametrize(("alpha", "printed"), [(0.05, Q_05), (0.10, Q_10)])
def test_critical_values_are_those_printed(alpha, printed):
    """Printed to three digits, some of them rounded from rounded ones."""
    for methods, q in enumerate(printed, start=2):
        # CD = q √(k (k + 1) / (6 N)), which is q itself for N = k (k + 1) / 6.
        sets = methods * (methods + 1) / 6
        assert critical_difference(methods, sets, alpha) == pytest.approx(q, abs=1.05e-3)


def test_the_difference_of_two_methods_is_that_of_the_sign_of_a_normal():
    """With two methods the range is |z| √2: its quantile is known without any table."""
    assert critical_difference(2, 24) == pytest.approx(
        stats.norm.ppf(0.975) * math.sqrt(1 / 24), rel=1e-9
    )


def test_demsars_example():
    statistic = 12 * 14 / (4 * 5) * (np.sum(MEAN_RANKS**2) - 4 * 5**2 / 4)
    assert statistic == pytest.approx(9.28, abs=0.01)
    assert iman_davenport(statistic, 14, 4) == pytest.approx(3.69, abs=0.01)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)


@pytest.mark.parametrize("distinct", [3, 10, 10**6])
def test_agrees_with_scipy_with_and_without_ties(distinct):
    draw = np.random.default_rng(distinct)
    for sets, methods in [(2, 3), (5, 3), (14, 4), (30, 9)]:
        scores = draw.integers(0, distinct, (sets, methods)) / 7 + np.arange(methods) / 5
        ranks = ranks_of_rows(scores)
        assert ranks.tolist() == stats.rankdata(-scores, axis=1).tolist()
        found = friedman(ranks)
        expected = stats.friedmanchisquare(*scores.T)
        assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        freedom = methods - 1, (methods - 1) * (sets - 1)
        assert found.f_freedom == freedom
        by_f = max(stats.f.sf(found.f, *freedom), chance_of_ranks(ranks))
        assert found.f_p_value == pytest.approx(by_f, rel=1e-9)


@pytest.mark.parametrize(
    "scores",
    [
        [[2, 1]] * 2,
        [[2, 1]] * 5,
        [[3, 2, 1]] * 3,
        [[2, 1, 1, 0]] * 2,
        [[1, 2, 3], [1, 1, 3]],
        [[4, 3, 2, 1], [4, 3, 1, 2]],
    ],
)
def test_no_p_value_is_less_than_the_chance_of_such_ranks(scores):
    """By all orders of the methods on each data set; the most extreme ranks have it exactly."""
    ranks = ranks_of_rows(scores)
    found = friedman(ranks)
    every = itertools.product(*(itertools.permutations(row) for row in ranks.tolist()))
    statistics = [friedman(np.array(orders)).statistic for orders in every]
    exact = np.mean(np.array(statistics) >= found.statistic - 1e-9)
    assert chance_of_ranks(ranks) <= exact + 1e-12
    assert found.f_p_value >= chance_of_ranks(ranks)
    if math.isinf(found.f):
        assert found.f_p_value == pytest.approx(exact, rel=1e-9)


def test_f_is_that_of_an_analysis_of_variance_of_the_ranks():
    """Iman and Davenport's F is that of the two-way analysis of variance of the ranks."""
    ranks = ranks_of_rows(np.random.default_rng(1).normal(size=(6, 5)) + np.arange(5))
    sets, methods = ranks.shape
    fitted = ranks.mean(axis=0)
    between = sets * np.sum((fitted - ranks.mean()) ** 2) / (methods - 1)
    left = np.sum((ranks - fitted) ** 2) / ((methods - 1) * (sets - 1))
    assert friedman(ranks).f == pytest.approx(between / left, rel=1e-9)


def test_the_same_order_everywhere_and_ties_everywhere():
    same = friedman(ranks_of_rows([[0.9, 0.5, 0.1]] * 3))
    assert same.statistic == pytest.approx(3 * 2)
    assert same.f == math.inf
    assert same.f_p_value == pytest.approx(1 / 6**2)
    tied = friedman(ranks_of_rows([[0.5, 0.5]] * 3))
    assert math.isnan(tied.statistic)
    assert math.isnan(tied.p_value)


def test_scores_that_rounding_alone_tells_apart_tie():
    assert ranks_of_rows([[0.3, 0.1 + 0.2, -5.0]]).tolist() == [[1.5, 1.5, 3.0]]
    with pytest.raises(ValueError, match="only finite values have ranks"):
        ranks_of_rows([[0.1, math.nan]])


def test_groups_are_the_largest_and_none_is_within_another():
    means = [1.0, 1.2, 2.0, 2.9, 3.05, 9.0]
    expected = [
        (first, last)
        for first in range(6)
        for last in range(first + 1, 6)
        if means[last] - means[first] < 1.2
        and (first == 0 or means[last] - means[first - 1] >= 1.2)
        and (last == 5 or means[last + 1] - means[first] >= 1.2)
    ]
    assert groups_within(means, 1.2) == expected == [(0, 2), (2, 4)]
    assert groups_within([1.0, 2.0], 1.0) == []
    assert groups_within([1.5, 1.5], 0.7) == [(0, 1)]
