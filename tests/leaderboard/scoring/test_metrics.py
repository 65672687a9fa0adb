import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference
from sklearn.feature_selection import f_regression

from leaderboard.scoring import metrics


@pytest.fixture(params=[1.0, 1e-4, 1e-160, 1e6])
def pair(request):
    draw = np.random.default_rng(3)
    targets = draw.normal(0.3, 0.1, 50)
    return request.param * targets, request.param * (targets + draw.normal(0, 0.05, 50))


def test_agrees_with_independent_implementations(pair):
    targets, predictions = pair
    scale = 1 / np.ptp(targets)
    assert metrics.r2(targets, predictions) == pytest.approx(
        reference.r2_score(targets * scale, predictions * scale), abs=1e-10
    )
    assert metrics.mse(targets, predictions) == pytest.approx(
        reference.mean_squared_error(targets, predictions), rel=1e-10, abs=0
    )
    assert metrics.pearson(targets, predictions) == pytest.approx(
        stats.pearsonr(targets * scale, predictions * scale).statistic, abs=1e-10
    )


def test_by_hand():
    targets, predictions = [0.1, 0.2, 0.3], [0.1, 0.3, 0.1]
    assert metrics.ssr(targets, predictions) == pytest.approx(0.05, rel=1e-12)
    assert metrics.mse(targets, predictions) == pytest.approx(0.05 / 3, rel=1e-12)
    assert metrics.rmse_points(targets, predictions) == pytest.approx(
        100 * math.sqrt(0.05 / 3), rel=1e-12
    )
    assert metrics.r2(targets, predictions) == pytest.approx(1 - 0.05 / 0.02, rel=1e-12)
    assert metrics.adjusted_r2(0.5, 11, 4) == pytest.approx(1 - 0.5 * 10 / 6, rel=1e-12)


def test_small_gaps_do_not_score_well_by_themselves():
    targets = np.array([0.010, 0.012, 0.014])
    assert metrics.r2(targets, [0.012, 0.012, 0.012]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "targets", [[], [0.3], [0.1] * 3, [1.0 - 0.9, 0.95 - 0.85, 0.1], [0.3, 0.1 + 0.2], [0.0, 0.0]]
)
def test_constant_targets_have_no_r2_and_no_correlation(targets):
    predictions = np.arange(len(targets), dtype=float)
    assert math.isnan(metrics.r2(targets, predictions))
    assert math.isnan(metrics.pearson(targets, predictions))
    assert math.isnan(metrics.pearson(predictions, targets))


def test_the_other_degenerate_cases():
    assert math.isnan(metrics.mse([], []))
    assert math.isnan(metrics.rmse_points([], []))
    assert metrics.ssr([], []) == 0
    assert math.isnan(metrics.adjusted_r2(0.9, 5, 4))
    assert metrics.adjusted_r2(0.9, 6, 4) == pytest.approx(1 - 0.1 * 5)
    assert math.isnan(metrics.adjusted_r2(math.nan, 10, 1))
    assert metrics.pearson([1, 2, 3], [2, 4, 6]) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("predictions", [[1.0], [[1.0], [2.0]]])
def test_unequal_shapes_are_refused(predictions):
    with pytest.raises(ValueError, match="not equal vectors"):
        metrics.r2([1.0, 2.0], predictions)


@pytest.mark.parametrize("networks", [2, 3, 17, 700])
@pytest.mark.parametrize("distinct", [2, 5, 10_000])
def test_rank_correlations_are_those_of_scipy_with_and_without_ties(networks, distinct):
    draw = np.random.default_rng(networks)
    targets = np.append(draw.integers(distinct, size=networks - 2), [0, 1]) / distinct
    predictions = np.append(draw.integers(3 * distinct, size=networks - 2), [2, 1]) / 7
    if networks > 17:
        predictions = predictions + targets
    assert metrics.spearman(targets, predictions) == pytest.approx(
        stats.spearmanr(targets, predictions).statistic, abs=1e-12
    )
    assert metrics.kendall(targets, predictions) == pytest.approx(
        stats.kendalltau(targets, predictions).statistic, abs=1e-12
    )


def test_rank_correlations_by_hand():
    assert metrics.kendall([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6, rel=1e-15)
    assert metrics.kendall([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / math.sqrt(2 * 3), rel=1e-15)
    assert metrics.spearman([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx(1 - 6 * 2 / 60)
    ordered = [0.1, 0.2, 0.3]
    assert metrics.kendall(ordered, np.exp(ordered)) == 1
    assert metrics.spearman(ordered, np.exp(ordered)) == pytest.approx(1, abs=1e-15)
    assert metrics.kendall(ordered, np.negative(ordered)) == -1


def test_values_equal_but_for_rounding_tie_in_ranks():
    rounded, exact = [0.3, 0.1 + 0.2, 0.5], [0.3, 0.3, 0.5]
    for correlation in (metrics.kendall, metrics.spearman):
        assert correlation(rounded, [1, 2, 3]) == correlation(exact, [1, 2, 3]) < 1
        assert math.isnan(correlation([0.3, 0.1 + 0.2], [1, 2]))


@pytest.mark.parametrize("side", [[], [2.0], [1.0, 1.0, 1.0], [1.0, math.nan], [1.0, math.inf]])
def test_rank_correlations_that_are_not_defined(side):
    other = np.arange(len(side), dtype=float)
    for correlation in (metrics.kendall, metrics.spearman):
        assert math.isnan(correlation(side, other))
        assert math.isnan(correlation(other, side))


def test_the_f_test_is_that_of_scikit_learn(pair):
    targets, feature = pair
    scale = 1 / np.ptp(targets)
    statistic, p_value = f_regression(feature[:, None] * scale, targets * scale)
    test = metrics.univariate_f(targets, feature)
    assert test.statistic == pytest.approx(statistic[0], rel=1e-9)
    assert test.p_value == pytest.approx(p_value[0], rel=1e-8, abs=0)


@pytest.mark.parametrize(
    ("statistic", "networks", "printed"), [(306.40, 216, "3.6e-43"), (1124.43, 324, "4.6e-107")]
)
def test_p_values_printed_in_jiang2019(statistic, networks, printed):
    assert f"{metrics.f_p_value(statistic, networks):.1e}" == printed


def test_f_tests_at_the_edge():
    targets = [0.1, 0.2, 0.4, 0.3]
    assert metrics.univariate_f(targets, targets) == (math.inf, 0)
    assert metrics.univariate_f(targets, np.multiply(targets, -3) + 0.7) == (math.inf, 0)
    nearly = metrics.univariate_f(targets, np.add(targets, [1e-9, 0, -1e-9, 0]))
    assert 1e15 < nearly.statistic < 1e18
    assert metrics.univariate_f([1, 2, 1, 2], [1, 1, 2, 2]) == (0, 1)
    for short in ([0.1, 0.2], [0.1] * 4):
        assert all(map(math.isnan, metrics.univariate_f(short, np.arange(len(short)))))
        assert all(map(math.isnan, metrics.univariate_f(np.arange(len(short)), short)))
    assert math.isnan(metrics.f_p_value(3.0, 2))


def test_the_simple_fit_is_that_of_scipy(pair):
    targets, feature = pair
    scale = 1 / np.ptp(targets)
    line = stats.linregress(feature * scale, targets * scale)
    fit = metrics.simple_fit(targets, feature)
    assert fit.slope == pytest.approx(line.slope, rel=1e-10)
    assert fit.intercept * scale == pytest.approx(line.intercept, rel=1e-8)
    assert fit.r2 == pytest.approx(line.rvalue**2, rel=1e-10)
    if scale < 1e100:
        residuals = targets - (fit.slope * feature + fit.intercept)
        assert fit.rmse == pytest.approx(np.sqrt(np.mean(residuals**2)), rel=1e-9, abs=0)


def test_simple_fits_by_hand():
    assert metrics.simple_fit([1, 3, 2], [0, 1, 2]) == pytest.approx(
        (0.5, 1.5, 0.25, math.sqrt(0.5))
    )
    assert all(map(math.isnan, metrics.simple_fit([1, 2, 3], [5, 5, 5])))
    assert all(map(math.isnan, metrics.simple_fit([], [])))
    flat = metrics.simple_fit([2, 2, 2], [0, 1, 2])
    assert flat[:2] == (0, 2)
    assert math.isnan(flat.r2)
    assert flat.rmse == 0
