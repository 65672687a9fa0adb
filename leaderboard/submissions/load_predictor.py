"""A predictor's name → the predictor: installed, an attribute of a module, or of a file."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demogen._util.attributes import attribute, names_attribute
from demogen.errors import SubmissionError
from leaderboard.submissions.manifest import FILE_FORM

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor


def resolve(text: str, folder: Path | None = None) -> "Predictor":
    """The predictor that a text names. This runs the code it names.

    Args:
        text: an installed name, with parameters of its measure if wanted ("normalized-loss(p=1)");
            `module:attribute`, as entry points write it; or `path/to/file.py:attribute`. The
            attribute is a Predictor, a Measure, or a class that makes one without arguments.
        folder: where the path of a file starts; None: the current one.

    Raises:
        SubmissionError: the module or file does not load, or has no such attribute.
        PredictorError: no installed predictor has that name; near ones are listed.
    """
    if names_attribute(text):
        return _predictor(text, attribute(text, "predictor", SubmissionError, folder))
    from demogen.measuring.predictor_names import predictor_called

    return predictor_called(text)


def file_of(text: str) -> Path | None:
    """The file that a predictor is in; None: it is of a package.

    Raises:
        SubmissionError: its name is no module's.
    """
    module, colon, name = text.rpartition(":")
    if not colon or not module.endswith(".py"):
        return None
    path = Path(module)
    if not re.fullmatch(FILE_FORM, f"{path.name}:{name}"):
        raise SubmissionError(
            f"{text!r} names no file that can be submitted; write file.py:ATTRIBUTE, with letters, "
            "digits and underscores"
        )
    return path


def _predictor(text: str, value: Any) -> "Predictor":
    from demogen.measuring.predictor import Measure, Predictor

    if isinstance(value, type):
        try:
            value = value()
        except Exception as error:
            fault = " ".join(f"{type(error).__name__}: {error}".split())
            raise SubmissionError(f"predictor {text!r} is not made: {fault}") from error
    if isinstance(value, Measure):
        return Predictor.from_measure(value)
    if not isinstance(value, Predictor):
        raise SubmissionError(f"{text!r} is no demogen.Predictor and no demogen.Measure")
    return value
