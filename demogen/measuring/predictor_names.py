"""A predictor's name → the predictor: installed, an attribute of a module, or of a file."""

import ast
from pathlib import Path
from typing import Any

from demogen._util.attributes import attribute, names_attribute
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


def predictor_named(text: str, folder: Path | None = None) -> Predictor:
    """The predictor that a user names. Code that is named so is run.

    Args:
        text: an installed name, as `predictor_called` takes it; `module:attribute`, as entry points
            write it; or `path/to/file.py:attribute`. The attribute is a Predictor, a Measure, or a
            class that makes one without arguments.
        folder: where the path of a file starts; None: the current one.

    Raises:
        PredictorError: the module or file does not load, or has no such attribute; or no installed
            predictor has that name: near ones are listed.
    """
    if not names_attribute(text):
        return predictor_called(text)
    value = attribute(text, "predictor", PredictorError, folder)
    if isinstance(value, type):
        try:
            value = value()
        except Exception as error:
            fault = " ".join(f"{type(error).__name__}: {error}".split())
            raise PredictorError(f"predictor {text!r} is not made: {fault}") from error
    if isinstance(value, Measure):
        return Predictor.from_measure(value)
    if not isinstance(value, Predictor):
        raise PredictorError(f"{text!r} is no demogen.Predictor and no demogen.Measure")
    return value


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
