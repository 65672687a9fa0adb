"""Installed predictors by name, with parameters if wanted."""

import ast
from typing import Any

from demogen.errors import PredictorError
from demogen.measuring.predictor import Measure, Predictor, get_predictor


def as_predictor(given: str | Predictor | Measure) -> Predictor:
    """A predictor, that of a name (see `predictor_called`), or all columns of a bare measure.

    Raises:
        PredictorError: no predictor is called so; near names are listed.
    """
    if isinstance(given, str):
        return predictor_called(given)
    return given if isinstance(given, Predictor) else Predictor.from_measure(given)


def predictor_called(text: str) -> Predictor:
    """The installed predictor of a name, with parameters of its measure if any are given.

    Args:
        text: "normalized-loss" or "normalized-loss(p=1)"; values are numbers, None, True, False
            or words.

    Raises:
        PredictorError: no such notation.
        DemogenError: no such predictor or parameter, as `demogen.get_predictor` raises it.
    """
    name, bracket, rest = text.partition("(")
    return (
        get_predictor(name, **_parameters(text, bracket + rest)) if bracket else get_predictor(name)
    )


def _parameters(text: str, brackets: str) -> dict[str, Any]:
    call = f"f{brackets}"
    try:
        parsed = ast.parse(call, mode="eval").body
    except SyntaxError:
        parsed = None
    match parsed:
        case ast.Call(func=ast.Name(), args=[], keywords=words) if all(w.arg for w in words):
            return {str(word.arg): _value(word.value, call) for word in words}
    raise PredictorError(
        f"{text!r} is no predictor with parameters; write name(key=value,key=value)"
    )


def _value(node: ast.expr, call: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.get_source_segment(call, node)
