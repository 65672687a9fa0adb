import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from leaderboard import metrics


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
