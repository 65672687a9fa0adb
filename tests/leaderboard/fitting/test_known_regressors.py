import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from baselines.regressors import log_floored, log_least_squares, log_then, one_hot_least_squares
from baselines.selection import BestGroup, ForwardSelection
from leaderboard.fitting.cross_validation import regressor_text
from leaderboard.fitting.known_regressors import AllColumns, BestOfGroups, Forward, known_regressor

FEATURES = 3
ONE_HOT = {"handle_unknown": "ignore", "sparse_output": False}


def after(transformer):
    return make_pipeline(transformer, LinearRegression())


def less_the_mean(X):
    """Not a row's own affair: networks that are held out would have a say."""
    return X - X.mean(axis=0)


class Cautious(LinearRegression):
    def predict(self, X):
        return super().predict(X) / 2


class CautiousGroup(BestGroup):
    def predict(self, X):
        return super().predict(X) / 2


@pytest.mark.parametrize(
    ("regressor", "solver"),
    [
        (LinearRegression(), AllColumns()),
        (LinearRegression(n_jobs=2, copy_X=False), AllColumns()),
        (log_least_squares(), AllColumns()),
        (log_least_squares(1e-4), AllColumns()),
        (after(FunctionTransformer(np.log1p)), AllColumns()),
        (make_pipeline(FunctionTransformer(np.abs), *log_least_squares()), AllColumns()),
        (one_hot_least_squares(), AllColumns()),
        (BestGroup([(0, 1), [2]]), BestOfGroups(((0, 1), (2,)))),
        (log_then(ForwardSelection(2)), Forward(2)),
    ],
    ids=regressor_text,
)
def test_known(regressor, solver):
    known = known_regressor(regressor, FEATURES)
    assert known.solver == solver
    rows = np.exp(np.random.default_rng(0).normal(size=(9, FEATURES)))
    expected = rows
    if isinstance(regressor, Pipeline):
        expected = clone(regressor[:-1]).fit_transform(rows)
    assert np.array_equal(known.design(rows), expected)
    assert not hasattr(regressor, "n_features_in_")


@pytest.mark.parametrize(
    "regressor",
    [
        DummyRegressor(),
        Ridge(),
        KNeighborsRegressor(),
        Cautious(),
        LinearRegression(fit_intercept=False),
        LinearRegression(positive=True),
        LinearRegression(tol=1e-3),
        CautiousGroup([(0, 1)]),
        BestGroup([]),
        BestGroup([()]),
        BestGroup([(0, 0)]),
        BestGroup([(0, FEATURES)]),
        BestGroup([(-1,)]),
        BestGroup([(0.5,)]),
        BestGroup(["01"]),
        BestGroup([[[0]]]),
        BestGroup(None),
        ForwardSelection(0),
        ForwardSelection(2.0),
        TransformedTargetRegressor(LinearRegression()),
        after(StandardScaler()),
        after(PCA(2)),
        after("passthrough"),
        after(FunctionTransformer()),
        after(FunctionTransformer(less_the_mean)),
        after(FunctionTransformer(np.cumsum)),
        after(FunctionTransformer(np.log, validate=True)),
        after(FunctionTransformer(np.log, np.exp)),
        after(FunctionTransformer(np.log, kw_args={"where": True})),
        after(FunctionTransformer(np.maximum)),
        after(FunctionTransformer(log_floored, kw_args={"floor": np.ones((9, 1))})),
        after(FunctionTransformer(log_floored, kw_args={"features": 1.0})),
        after(OneHotEncoder(**ONE_HOT, drop="first")),
        after(OneHotEncoder(**ONE_HOT, min_frequency=2)),
        after(OneHotEncoder(**ONE_HOT, categories=[np.arange(3)] * FEATURES)),
        after(OneHotEncoder(sparse_output=False)),
        make_pipeline(OneHotEncoder(**ONE_HOT), BestGroup([(0,), (1,)])),
        make_pipeline(FunctionTransformer(np.log), OneHotEncoder(**ONE_HOT), LinearRegression()),
        make_pipeline(FunctionTransformer(np.log), "passthrough"),
        Pipeline([("least squares", LinearRegression())], memory="cache"),
    ],
    ids=regressor_text,
)
def test_whatever_differs_is_not_known(regressor):
    assert known_regressor(regressor, FEATURES) is None
