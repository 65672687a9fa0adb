"""A predictor's name → the predictor: installed, an attribute of a module, or of a file.

The code that is named is loaded before torch is: what it costs to load is its own.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from demogen._util.attributes import attribute, names_attribute
from demogen.errors import PredictorError

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor


def predictor_named(text: str, folder: Path | None = None) -> "Predictor":
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
        from demogen.measuring.predictor_names import predictor_called

        return predictor_called(text)
    value = attribute(text, "predictor", PredictorError, folder)
    from demogen.measuring.predictor import Measure, Predictor

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
