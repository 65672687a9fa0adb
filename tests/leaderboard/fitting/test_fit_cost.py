import tracemalloc

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from baselines.regressors import log_least_squares, one_hot_least_squares
from baselines.selection import BestGroup, ForwardSelection
from demogen.errors import PredictorError
from demogen.measuring.least_squares import LeastSquares
from leaderboard.fitting.fit_cost import FitCost, FitLimit

Boosting = HistGradientBoostingRegressor


def matrix(rows, columns):
    return np.random.default_rng(0).uniform(1, 2, (rows, columns))


def seconds(regressor, rows=200, columns=50, fits=1):
    return FitCost.of(regressor, matrix(rows, columns), fits).seconds


@pytest.mark.parametrize(
    ("longer", "shorter"),
    [
        (Boosting(max_iter=1_000), Boosting(max_iter=100)),
        (Boosting(max_leaf_nodes=None, min_samples_leaf=1), Boosting()),
        (Boosting(min_samples_leaf=1), Boosting()),
        (Boosting(), Boosting(max_depth=1)),
        (ForwardSelection(50), ForwardSelection(1)),
        (BestGroup([(0, 1), (2, 3)]), BestGroup([(0, 1)])),
        (RidgeCV(alphas=[0.1] * 5_000), RidgeCV(alphas=[0.1])),
        (RidgeCV(cv=5), RidgeCV()),
        (RidgeCV(cv=100), RidgeCV(cv=5)),
        (RidgeCV(cv=[([0, 1], [2])] * 9), RidgeCV(cv=2)),
        (Boosting(loss="absolute_error"), Boosting()),
        (one_hot_least_squares(), LeastSquares()),
        (make_pipeline(*[one_hot_least_squares()[0]] * 2, Ridge()), one_hot_least_squares()),
        (make_pipeline(log_least_squares()), LeastSquares()),
    ],
)
def test_what_makes_a_fit_longer_counts(longer, shorter):
    assert seconds(longer) > seconds(shorter)


@pytest.mark.parametrize("regressor", [LeastSquares(), Boosting(), ForwardSelection(4)])
def test_fits_networks_and_columns_count(regressor):
    once = seconds(regressor)
    assert seconds(regressor, fits=7) == pytest.approx(7 * once)
    assert seconds(regressor, rows=400) > once < seconds(regressor, columns=100)


@pytest.mark.parametrize(
    ("regressor", "shape"),
    [
        (one_hot_least_squares(), (300, 10)),
        (LeastSquares(), (700, 700)),
        (ForwardSelection(4), (300, 2_000)),
        (RidgeCV(), (800, 300)),
    ],
)
def test_a_fit_takes_no_more_memory_than_is_counted(regressor, shape):
    X, y = matrix(*shape), matrix(shape[0], 1)[:, 0]
    tracemalloc.start()
    regressor.fit(X, y)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < most / 1e6 < FitCost.of(regressor, X, 1).megabytes


def test_a_limit_names_what_is_too_much_and_the_remedy():
    limit = FitLimit()
    assert limit.fault(log_least_squares(), matrix(108, 4), 109) is None
    assert limit.fault(Boosting(), matrix(139, 266), 140).endswith(
        "more than 10 s or 512 MB; --long-fits makes them all the same"
    )
    # Every value is a level of its own: a matrix of 4,000 by 160,000.
    assert limit.fault(one_hot_least_squares(), matrix(4_000, 40), 1).startswith(
        "1 fits of 4,000 networks and 40 columns may take"
    )
    assert FitLimit(1e9, 1e9).fault(one_hot_least_squares(), matrix(4_000, 40), 1) is None


@pytest.mark.parametrize(
    ("regressor", "shape", "fits", "measured"),
    [
        # Processor seconds that cross-validation was measured to take: nearly all of it is what
        # scikit-learn does beside arithmetic.
        (RidgeCV(alphas=[1] * 100, cv=5), (20, 1), 3, 3.94),
        (RidgeCV(cv=300), (600, 2), 3, 7.02),
        (RidgeCV(alphas=[1] * 9_900), (60, 5), 3, 1.86),
        (make_pipeline(OneHotEncoder(), Ridge()), (12, 400), 3, 0.95),
        (
            Boosting(loss="absolute_error", max_leaf_nodes=200, min_samples_leaf=1),
            (9_000, 1),
            3,
            4.84,
        ),
        (LeastSquares(), (50_000, 1), 201, 1.08),
    ],
)
def test_the_count_bounds_what_was_measured(regressor, shape, fits, measured):
    assert FitCost.of(regressor, matrix(*shape), fits).seconds > measured


@pytest.mark.parametrize(
    "regressor",
    [
        Boosting(max_iter="x"),
        Boosting(max_iter=None),
        Boosting(max_depth="a"),
        Boosting(max_leaf_nodes=0),
        Boosting(min_samples_leaf=None),
        ForwardSelection(None),
        ForwardSelection(float("inf")),
        BestGroup(3),
        BestGroup([1, 2]),
        RidgeCV(alphas=[[1], [2, 3]]),
        RidgeCV(cv=float("nan")),
        make_pipeline(Boosting(max_iter="x"), Ridge()),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_in_one_line(regressor):
    with pytest.raises(PredictorError, match=r"has a parameter that it cannot take; [^\n]*$"):
        FitLimit().fault(regressor, matrix(12, 2), 3)
