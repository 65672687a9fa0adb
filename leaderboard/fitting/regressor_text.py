"""A regressor as text, and read back from it with known classes and functions; nothing is run.

The text is parsed, never evaluated, and each class, function and parameter in it is looked up here:
names lead to code installed beside this package, and nowhere else.
"""

import ast
import importlib
import re
from dataclasses import dataclass
from typing import Any, NoReturn, final

import numpy as np

from demogen.errors import PredictorError
from demogen.measuring.fitting import regressor_to_text as regressor_to_text

LONGEST_TEXT = 20_000
LARGEST_COUNT = 100_000
"""A whole number beyond it would only make fitting long."""


@final
@dataclass(frozen=True)
class _Known:
    """Where a class is, and the parameters that a text may give it."""

    module: str
    parameters: frozenset[str]


def _known(module: str, *parameters: str) -> _Known:
    return _Known(module, frozenset(parameters))


CLASSES = {
    "BestGroup": _known("baselines.selection", "groups"),
    "BoundedInverse": _known("baselines.normalized_output"),
    "DummyRegressor": _known("sklearn.dummy", "strategy", "constant", "quantile"),
    "ForwardSelection": _known("baselines.selection", "count"),
    "FunctionTransformer": _known("sklearn.preprocessing", "func", "kw_args"),
    "HistGradientBoostingRegressor": _known(
        "sklearn.ensemble",
        *("loss", "learning_rate", "max_iter", "max_leaf_nodes", "max_depth", "min_samples_leaf"),
        *("l2_regularization", "max_bins", "random_state"),
    ),
    "LeastSquares": _known("demogen.measuring.least_squares"),
    "LevelIndicators": _known("baselines.regressors"),
    "LinearRegression": _known("sklearn.linear_model", "fit_intercept", "positive", "copy_X"),
    "OneHotEncoder": _known("sklearn.preprocessing", "handle_unknown", "sparse_output", "drop"),
    # Without `memory`, which would write to the disk and read back.
    "Pipeline": _known("sklearn.pipeline", "steps"),
    "Ridge": _known("sklearn.linear_model", "alpha", "fit_intercept", "copy_X"),
    "RidgeCV": _known("sklearn.linear_model", "alphas", "fit_intercept", "cv", "gcv_mode"),
    "StandardScaler": _known("sklearn.preprocessing", "with_mean", "with_std", "copy"),
}
"""Classes whose regressors can be fitted again, by name."""

FUNCTIONS: dict[str, tuple[str, set[str]]] = {
    "log_floored": ("baselines.regressors", {"floor"}),
    "root_floored": ("baselines.regressors", set()),
}
"""Functions of a FunctionTransformer: name → module, and keywords, whose values are numbers."""

UFUNCS = (
    *("absolute", "arcsinh", "cbrt", "exp", "expm1", "log", "log10", "log1p", "log2", "sqrt"),
    *("square", "tanh"),
)
"""numpy's functions of one argument that it may apply instead."""

_FUNCTION = re.compile(r"<(function|ufunc) '?([A-Za-z_]\w*)'?>")


def regressor_from_text(text: str) -> Any:
    """The unfitted regressor of a text that `regressor_to_text` wrote.

    Raises:
        PredictorError: it is not made of known classes, functions and parameters.

    >>> regressor_from_text("LinearRegression(fit_intercept=False)")
    LinearRegression(fit_intercept=False)
    """
    if len(text) > LONGEST_TEXT:
        raise PredictorError(f"the regressor's text is longer than {LONGEST_TEXT:,} signs")
    if "..." in text:
        _refuse(text, "is cut short, so that nobody can make it again; give it fewer parameters")
    try:
        parsed = ast.parse(_FUNCTION.sub(r"\1('\2')", text), mode="eval").body
        return _Reader(text).estimator(parsed)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise PredictorError(f"the regressor {_short(text)} is no call of a class") from error


@final
class _Reader:
    """Walks the syntax tree of a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def estimator(self, node: ast.expr) -> Any:
        """A call of a known class with known parameters, by keyword."""
        match node:
            case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
                pass
            case _:
                raise ValueError("no call of a class")
        if name not in CLASSES:
            self._refuse(f"is a {name}")
        given: dict[str, Any] = {}
        for keyword in keywords:
            parameter = str(keyword.arg)
            if parameter not in CLASSES[name].parameters or parameter in given:
                self._refuse(f"gives {name} the parameter {parameter}")
            given[parameter] = self._value(name, parameter, keyword.value)
        if name == "Pipeline" and not given.get("steps"):
            self._refuse("is a Pipeline without steps")
        if name == "FunctionTransformer":
            self._check_function(given)
        return getattr(importlib.import_module(CLASSES[name].module), name)(**given)

    def _value(self, owner: str, parameter: str, node: ast.expr) -> Any:
        match owner, parameter, node:
            case "Pipeline", "steps", ast.List(elts=steps):
                return [self._step(step) for step in steps]
            case "FunctionTransformer", "func", ast.Call(
                func=ast.Name(id=kind), args=[ast.Constant(value=str(name))], keywords=[]
            ):
                return self._function(kind, name)
            case "Pipeline" | "FunctionTransformer", "steps" | "func", _:
                self._refuse(f"gives {owner} {parameter} of an unknown kind")
            case _:
                return self._literal(node)

    def _step(self, node: ast.expr) -> tuple[str, Any]:
        match node:
            case ast.Tuple(elts=[ast.Constant(value=str(name)), step]):
                return name, self.estimator(step)
        raise ValueError("no step")

    def _function(self, kind: str, name: str) -> Any:
        if kind == "ufunc" and name in UFUNCS:
            return getattr(np, name)
        if kind == "function" and name in FUNCTIONS:
            return getattr(importlib.import_module(FUNCTIONS[name][0]), name)
        self._refuse(f"applies {name}")

    def _check_function(self, given: dict[str, Any]) -> None:
        function, keywords = given.get("func"), given.get("kw_args") or {}
        allowed = FUNCTIONS.get(getattr(function, "__name__", ""), ("", set()))[1]
        for keyword, value in keywords.items() if isinstance(keywords, dict) else [("kw_args", "")]:
            if keyword not in allowed or type(value) not in (int, float):
                self._refuse(f"applies a function with {keyword!r} of {value!r}")

    def _literal(self, node: ast.expr) -> Any:
        match node:
            case ast.Call(func=ast.Name(id="array"), args=[ast.List() as values], keywords=[]):
                return np.array(self._literal(values), dtype=np.float64)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np"), attr="float64" | "int64"),
                args=[value],
                keywords=[],
            ):
                return self._literal(value)
            case ast.List(elts=values):
                return [self._literal(value) for value in values]
            case ast.Tuple(elts=values):
                return tuple(self._literal(value) for value in values)
            case ast.Dict(keys=keys, values=values):
                named = [self._literal(key) for key in keys if key is not None]
                return dict(zip(named, map(self._literal, values), strict=True))
        value = ast.literal_eval(node)
        if isinstance(value, int) and abs(value) > LARGEST_COUNT:
            self._refuse(f"has a whole number above {LARGEST_COUNT:,}")
        return value

    def _refuse(self, what: str) -> NoReturn:
        _refuse(
            self._text,
            f"{what}; what can be fitted again here is made of {', '.join(CLASSES)}, with "
            f"functions {', '.join([*FUNCTIONS, *UFUNCS])}",
        )


def _refuse(text: str, what: str) -> NoReturn:
    raise PredictorError(f"the regressor {_short(text)} {what}")


def _short(text: str) -> str:
    return ascii(text if len(text) <= 80 else f"{text[:77]}…")
