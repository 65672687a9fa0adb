"""Regressors that several predictors share; transforms belong here, not to the measures."""

from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from demogen.measuring.least_squares import LeastSquares

LOG_FLOOR = 1e-12
"""What is not above this counts as this before its logarithm is taken."""


def log_floored(features: ArrayLike, floor: float = LOG_FLOOR) -> NDArray[np.float64]:
    """Natural logarithm, elementwise, of the larger of feature and floor.

    >>> log_floored([[1.0, -3.0]], floor=1.0).tolist()
    [[0.0, 0.0]]
    """
    return np.log(np.maximum(np.asarray(features, dtype=np.float64), floor))


def log_least_squares(floor: float = LOG_FLOOR) -> Pipeline:
    """Ordinary least squares on the logarithms of the features (Jiang et al. 2019, section 3.2).

    Args:
        floor: below the smallest value that is ever measured; only what has no logarithm meets it.
    """
    return log_then(LeastSquares(), floor)


def log_then(regressor: RegressorMixin, floor: float = LOG_FLOOR) -> Pipeline:
    """Another regressor on the logarithms of the features; `floor` as in `log_least_squares`."""
    logarithm = FunctionTransformer(log_floored, kw_args={"floor": floor})
    return make_pipeline(logarithm, regressor)


def root_floored(features: ArrayLike) -> NDArray[np.float64]:
    """Square root, elementwise; what is below zero counts as zero.

    >>> root_floored([[4.0, -1.0]]).tolist()
    [[2.0, 0.0]]
    """
    return np.sqrt(np.maximum(np.asarray(features, dtype=np.float64), 0.0))


def root_least_squares() -> Pipeline:
    """Ordinary least squares on the roots of the features, of a measure C that bounds √(C / m)."""
    return make_pipeline(FunctionTransformer(root_floored), LeastSquares())


@final
class LevelIndicators(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """An indicator of each level of each feature, a level being one exact value; others are 0.

    The columns of scikit-learn's `OneHotEncoder(handle_unknown="ignore")`, which checks and looks
    up each feature by itself: of 47 features it takes a hundred times as long.

    Attributes:
        feature_: the feature of each indicator, shape (indicators,).
        level_: the value that it indicates, ascending within a feature, shape (indicators,).

    >>> LevelIndicators().fit([[1.0, 7.0], [2.0, 7.0]]).transform([[2.0, 8.0]]).tolist()
    [[0.0, 1.0, 0.0]]
    """

    feature_: NDArray[np.intp]
    level_: NDArray[np.float64]

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the levels of the features of X (n, features); `y` is ignored."""
        levels = [np.unique(feature) for feature in np.asarray(X, np.float64).T]
        self.feature_ = np.repeat(np.arange(len(levels)), [len(found) for found in levels])
        self.level_ = np.concatenate(levels)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Indicators, shape (n, indicators), of the rows of X (n, features)."""
        rows = np.asarray(X, np.float64)
        # In the order of rows: sums over them have the same last digit in any other pipeline.
        return np.ascontiguousarray(rows[:, self.feature_] == self.level_, dtype=np.float64)


def one_hot_least_squares() -> Pipeline:
    """Least squares on an indicator of each level of each feature, a level being one exact value.

    The solution is the one of least norm, in which the effects of a factor's levels add up to zero:
    a level that was not fitted is ignored and so counts as the average of the known ones.
    """
    return make_pipeline(LevelIndicators(), LeastSquares())
