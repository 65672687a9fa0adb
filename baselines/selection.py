"""Least squares on columns chosen by the fit itself, so within each training fold.

Selection by training residual is part of a regressor: like its coefficients it sees nothing but
what `fit` is given. Both regressors center their columns. In theirs units do not matter: columns
are compared after scaling to unit norm, and one whose part independent of those chosen before is
below 1e-10 of it adds nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self, cast, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from demogen.measuring.least_squares import CONSTANT, LeastSquares

Matrix = NDArray[np.float64]

_DEPENDENT = 1e-10
"""A direction with less than this part of a column is one that the column does not have."""
_TIE = 1e-12
"""Residuals that differ by less than this part of the target's sum of squares are equal."""


class _Selecting(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """What the regressors below share: prediction, and the fit once columns are chosen."""

    selected_: tuple[int, ...]
    least_squares_: LeastSquares
    coef_: Matrix
    intercept_: float
    rank_: int

    @abstractmethod
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose columns and fit them."""

    def predict(self, X: ArrayLike) -> Matrix:
        """Predicted target, shape (n,), of the rows of X (n, features)."""
        check_is_fitted(self)
        rows: Matrix = validate_data(self, X, reset=False, dtype=np.float64)
        return self.least_squares_.predict(rows[:, list(self.selected_)])

    def _validated(self, X: ArrayLike, y: ArrayLike) -> tuple[Matrix, Matrix]:
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        return cast(Matrix, X), np.asarray(y, dtype=np.float64)

    def _fit_on(self, selected: Sequence[int], X: Matrix, y: Matrix) -> Self:
        """Fit the columns selected, whatever their scales."""
        self.selected_ = tuple(int(column) for column in selected)
        chosen = list(self.selected_)
        self.least_squares_ = LeastSquares().fit(X[:, chosen], y)
        self.coef_ = np.zeros(X.shape[1])
        self.coef_[chosen] = self.least_squares_.coef_
        self.intercept_, self.rank_ = self.least_squares_.intercept_, self.least_squares_.rank_
        return self


@final
class BestGroup(_Selecting):
    """Least squares on whichever of some groups of columns leaves the least training residual.

    Every group is tried. Of equally good ones the first is kept, and groups should have equally
    many columns: a larger one never fits worse.

    Args:
        groups: groups of column indices, each without repetition.

    Attributes:
        selected_: the group kept.
        coef_: shape (features,), zero where not selected.
        intercept_: a number.
        rank_: rank of the columns selected.

    >>> X = [[1.0, 5.0], [2.0, 3.0], [3.0, 5.0]]
    >>> BestGroup(groups=[(1,), (0,)]).fit(X, [2.0, 4.0, 6.0]).selected_
    (0,)
    """

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        self.groups = groups

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose a group and fit it, from X (n, features) and y (n,).

        Raises:
            ValueError: there is no group, or one is empty, repeats a column or names none of X's.
        """
        X, y = self._validated(X, y)
        groups = [_checked_group(group, X.shape[1]) for group in self.groups]
        if not groups:
            raise ValueError("groups is empty: there is nothing to choose from")
        # One orthogonal reduction serves all groups; each is then as small as the features are few.
        unit = _unit_columns(X)
        target = y - y.mean()
        basis, reduced = np.linalg.qr(unit)
        reachable = basis.T @ target
        explained = np.array([_explained(reduced[:, group], reachable) for group in groups])
        first = _first_of_the_best(explained, float(target @ target))
        return self._fit_on(groups[first], X, y)


@final
class ForwardSelection(_Selecting):
    """Least squares on columns added one at a time, each the one that leaves the least residual.

    Of equally good columns the first is taken. What is chosen is taken out of the columns left
    (Gram-Schmidt), so that a step costs one product with the matrix and no fit for each candidate.

    Args:
        count: how many columns to select; all, if there are fewer.

    Attributes:
        selected_: column indices in the order they were added.
        coef_: shape (features,), zero where not selected.
        intercept_: a number.
        rank_: rank of the columns selected.

    >>> X = [[1.0, 5.0], [2.0, 3.0], [3.0, 5.0]]
    >>> ForwardSelection(count=1).fit(X, [2.0, 4.0, 6.0]).selected_
    (0,)
    """

    def __init__(self, count: int = 4) -> None:
        self.count = count

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose the columns and fit them, from X (n, features) and y (n,).

        Raises:
            ValueError: count is no positive integer.
        """
        X, y = self._validated(X, y)
        if not isinstance(self.count, int | np.integer) or self.count < 1:
            raise ValueError(f"count must be a positive integer, not {self.count!r}")
        left = _unit_columns(X)
        residual = y - y.mean()
        total = float(residual @ residual)
        open_to_choice = np.ones(X.shape[1], dtype=bool)
        selected: list[int] = []
        for _ in range(min(self.count, X.shape[1])):
            squares = np.einsum("ij,ij->j", left, left)
            independent = squares > _DEPENDENT**2
            gains = np.where(independent, (residual @ left) ** 2, 0.0)
            gains = gains / np.where(independent, squares, 1.0)
            best = _first_of_the_best(np.where(open_to_choice, gains, -np.inf), total)
            selected.append(best)
            open_to_choice[best] = False
            if independent[best]:
                direction = left[:, best] / np.sqrt(squares[best])
                left = left - np.outer(direction, direction @ left)
                residual = residual - direction * (direction @ residual)
        return self._fit_on(selected, X, y)


def _centered(X: Matrix) -> Matrix:
    """Columns minus their means; one that is constant but for rounding becomes exactly zero."""
    centered = X - X.mean(axis=0)
    varies = np.abs(centered).max(axis=0) > CONSTANT * np.abs(X).max(axis=0)
    return np.where(varies, centered, 0.0)


def _unit_columns(X: Matrix) -> Matrix:
    """Centered columns of norm 1, or 0 where a column is constant."""
    centered = _centered(X)
    largest = np.abs(centered).max(axis=0)
    # Squares of very small or large columns would leave the range of a double.
    centered = centered / np.where(largest > 0, largest, 1.0)
    norms = np.linalg.norm(centered, axis=0)
    unit: Matrix = centered / np.where(norms > 0, norms, 1.0)
    return unit


def _explained(columns: Matrix, target: Matrix) -> float:
    """Squared norm of the target's projection on the span of unit columns."""
    directions, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    inside = directions[:, sizes > _DEPENDENT].T @ target
    return float(inside @ inside)


def _first_of_the_best(gains: Matrix, total: float) -> int:
    """The first index whose gain is the largest, to the precision of the sum of squares."""
    return int(np.argmax(gains >= gains.max() - _TIE * total))


def _checked_group(group: Any, features: int) -> list[int]:
    columns = [int(column) for column in group]
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(f"group {tuple(group)} is empty or repeats a column")
    if min(columns) < 0 or max(columns) >= features:
        raise ValueError(f"group {tuple(group)} names a column outside 0 … {features - 1}")
    return columns
