"""Regressors known to be least squares on columns computed row by row.

Nothing is inferred from how a regressor behaves: classes, functions and parameters are compared
with those listed here, and whatever differs is not known.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from leaderboard.scoring.metrics import Vector


@final
@dataclass(frozen=True)
class AllColumns:
    """scikit-learn's least squares with an intercept, on every column."""


@final
@dataclass(frozen=True)
class BestOfGroups:
    """The baselines' `BestGroup`: least squares on whichever group of columns fits best."""

    groups: tuple[tuple[int, ...], ...]


@final
@dataclass(frozen=True)
class Forward:
    """The baselines' `ForwardSelection`: least squares on columns added one at a time."""

    count: int


@final
@dataclass(frozen=True)
class KnownRegressor:
    """What a regressor is made of.

    Attributes:
        transformers: unfitted, to be applied in this order; each row's values are its own affair.
        solver: how columns are chosen and fitted.
    """

    transformers: tuple[Any, ...]
    solver: AllColumns | BestOfGroups | Forward

    def design(self, rows: Vector) -> Vector:
        """The columns that are fitted, shape (n, columns), of signatures (n, features).

        Indicators stand for all levels among these rows. Fitted on some of them, one-hot encoding
        lacks the columns of the other levels: here they are zero there, and the solution of least
        norm gives such a column no weight.
        """
        columns: npt.ArrayLike = rows
        for transformer in self.transformers:
            if isinstance(transformer, FunctionTransformer):
                columns = transformer.func(columns, **(transformer.kw_args or {}))
            else:
                columns = clone(transformer).fit_transform(columns)
        return np.asarray(columns, np.float64)


def known_regressor(regressor: Any, features: int) -> KnownRegressor | None:
    """How a regressor is made, if it is one of those known and its parameters are in order.

    Args:
        regressor: unfitted.
        features: number of columns it is to be fitted on.
    """
    steps = [regressor]
    if type(regressor) is Pipeline:
        if regressor.memory is not None or regressor.verbose:
            return None
        steps = [step for _, step in regressor.steps]
    *transformers, last = steps
    solver = _solver(last, features)
    # Positions of selected columns would mean something else where a fold lacks a level.
    encoded = len(transformers) == 1 and isinstance(solver, AllColumns)
    if solver and (
        all(map(_is_elementwise, transformers)) or (encoded and _is_one_hot(*transformers))
    ):
        return KnownRegressor(tuple(transformers), solver)
    return None


_INDIFFERENT = {"copy_X", "n_jobs"}
"""Parameters of LinearRegression that do not change its solution."""

_ELEMENTWISE = {("baselines.regressors", "log_floored"): {"floor"}}
"""Functions that act on each entry of an array, by module and name, and their numeric keywords."""


def _solver(last: Any, features: int) -> AllColumns | BestOfGroups | Forward | None:
    if type(last) is LinearRegression:
        given, usual = last.get_params(), LinearRegression().get_params()
        return AllColumns() if _same(given, usual, _INDIFFERENT) else None
    if type(last) is _loaded("baselines.selection", "BestGroup"):
        return _groups(last.groups, features)
    if type(last) is _loaded("baselines.selection", "ForwardSelection"):
        count = last.count
        return Forward(count) if isinstance(count, int) and count >= 1 else None
    return None


def _groups(groups: Any, features: int) -> BestOfGroups | None:
    if not isinstance(groups, Sequence) or not groups:
        return None
    for group in groups:
        if not isinstance(group, Sequence) or not group:
            return None
        if not all(type(column) is int and 0 <= column < features for column in group):
            return None
        if len(set(group)) < len(group):
            return None
    return BestOfGroups(tuple(map(tuple, groups)))


def _is_elementwise(transformer: Any) -> bool:
    if type(transformer) is not FunctionTransformer:
        return False
    if transformer.validate or transformer.inverse_func is not None:
        return False
    function, keywords = transformer.func, transformer.kw_args or {}
    if isinstance(function, np.ufunc):
        return function.nin == function.nout == 1 and function.signature is None and not keywords
    for (module, name), numbers in _ELEMENTWISE.items():
        if function is not None and function is _loaded(module, name):
            values = keywords.values()
            return keywords.keys() <= numbers and all(isinstance(x, int | float) for x in values)
    return False


def _is_one_hot(transformer: Any) -> bool:
    usual = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return type(transformer) is OneHotEncoder and _same(
        transformer.get_params(), usual.get_params(), set()
    )


def _same(given: dict[str, Any], usual: dict[str, Any], apart_from: set[str]) -> bool:
    # A parameter may be an array, and its comparison then no truth value.
    return given.keys() == usual.keys() and all(
        name in apart_from or (type(given[name]) is type(value) and given[name] == value)
        for name, value in usual.items()
    )


def _loaded(module: str, name: str) -> Any:
    # Baselines are not imported here: who hands one of their regressors over has imported them.
    return getattr(sys.modules.get(module), name, None)
