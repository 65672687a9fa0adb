"""Ordinary least squares in which no column is lost because another one is large."""

from typing import TYPE_CHECKING, Self, cast, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Matrix = NDArray[np.float64]

CONSTANT = 1e-12
"""A column that varies by less than this part of its size is constant but for rounding."""


@final
class LeastSquares(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Least squares with an intercept, on columns put to one scale where it is fitted.

    Each column is centered and divided by its range, and directions count by the singular values of
    these columns. So a measure of about 1e-2 stands beside a count of 1e8, in whatever unit either
    is given. scikit-learn's `LinearRegression` takes columns as they are and, since its version
    1.9, drops directions below 1e-6 of the largest.

    Of several solutions (columns that depend on each other) the one of least norm in the scaled
    columns is taken. choice: the range, because indicators of levels all have the range 1 and stay
    as they are.

    Attributes:
        coef_: one coefficient a column in its own unit, shape (features,); 0 for constant columns.
        intercept_: a number, in units of the target.
        rank_: directions that were fitted, without the intercept.
        varying_: columns that vary among the rows fitted; more than `rank_` where some of them
            depend on others.

    >>> X = [[0.01, 2e7], [0.02, 1e7], [0.03, 4e7], [0.04, 3e7]]
    >>> LeastSquares().fit(X, [1.0, 2.0, 3.0, 4.0]).predict([[0.05, 0.0]]).round(9).tolist()
    [5.0]
    """

    n_features_in_: int
    coef_: Matrix
    intercept_: float
    rank_: int
    varying_: int

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the columns of X (n, features) to y (n,)."""
        if _is_plain(X, 2) and _is_plain(y, 1) and len(X) == len(y):
            self.n_features_in_ = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
        else:
            X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        rows, target = cast(Matrix, X), np.asarray(y, np.float64)
        # Halves, because the range of very large values of both signs is no float.
        middle = rows.max(axis=0) / 2 + rows.min(axis=0) / 2
        half_range = rows.max(axis=0) / 2 - rows.min(axis=0) / 2
        varies = half_range > CONSTANT * np.abs(rows).max(axis=0)
        scale = np.where(varies, half_range, 1.0) * 2
        scaled = np.where(varies, (rows - middle) / scale, 0.0)
        means = scaled.mean(axis=0)
        solution, _, rank, _ = np.linalg.lstsq(scaled - means, target - target.mean(), rcond=None)
        self.rank_, self.varying_ = int(rank), int(np.count_nonzero(varies))
        self._middle, self._scale = middle, scale
        self._scaled_coef, self._scaled_means = solution, means
        self._mean = float(target.mean())
        # In a very large unit a coefficient is no double; predictions do without it.
        with np.errstate(over="ignore", invalid="ignore"):
            self.coef_ = np.where(varies, solution / scale, 0.0)
            self.intercept_ = float(
                self._mean - solution @ means - self.coef_ @ np.where(varies, middle, 0.0)
            )
        return self

    def predict(self, X: ArrayLike) -> Matrix:
        """Predicted target, shape (n,), of the rows of X (n, features)."""
        check_is_fitted(self, "_scaled_coef")
        known = _is_plain(X, 2) and X.shape[1] == self.n_features_in_
        if not known or hasattr(self, "feature_names_in_"):
            X = validate_data(self, X, reset=False, dtype=np.float64)
        rows = cast(Matrix, X)
        # By scaled columns: sums of large products that cancel would lose digits.
        scaled = (rows - self._middle) / self._scale - self._scaled_means
        predicted: Matrix = scaled @ self._scaled_coef + self._mean
        return predicted


def _is_plain(values: ArrayLike, ndim: int) -> "TypeIs[Matrix]":
    """Whether scikit-learn's checks would find nothing and change nothing.

    Of fitting some hundred rows and predicting them they take two thirds of the time or more.
    """
    return (
        type(values) is np.ndarray
        and values.dtype == np.float64
        and values.ndim == ndim
        and values.size > 0
        and bool(np.isfinite(values).all())
    )
