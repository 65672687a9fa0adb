"""Regressors that several predictors share; transforms belong here, not to the measures."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

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


def one_hot_least_squares() -> Pipeline:
    """Least squares on an indicator of each level of each feature, a level being one exact value.

    The solution is the one of least norm, in which the effects of a factor's levels add up to zero:
    a level that was not fitted is ignored and so counts as the average of the known ones.
    """
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(encoder, LeastSquares())
