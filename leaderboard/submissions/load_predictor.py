"""A predictor's name → the predictor: installed, an attribute of a module, or of a file."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from demogen._util.lookup import lookup
from demogen.errors import SubmissionError
from leaderboard.submissions.manifest import FILE_FORM

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor

_ATTRIBUTE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


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
    module, colon, attribute = text.rpartition(":")
    if colon and module.endswith(".py"):
        return _predictor(text, _from_file((folder or Path()) / module), attribute)
    if _ATTRIBUTE.fullmatch(text):
        return _predictor(text, _loaded(text, module), attribute)
    from demogen.measuring.predictor_names import predictor_called

    return predictor_called(text)


def file_of(text: str) -> Path | None:
    """The file that a predictor is in; None: it is of a package.

    Raises:
        SubmissionError: its name is no module's.
    """
    module, colon, attribute = text.rpartition(":")
    if not colon or not module.endswith(".py"):
        return None
    path = Path(module)
    if not re.fullmatch(FILE_FORM, f"{path.name}:{attribute}"):
        raise SubmissionError(
            f"{text!r} names no file that can be submitted; write file.py:ATTRIBUTE, with letters, "
            "digits and underscores"
        )
    return path


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SubmissionError(f"there is no file {path}")
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path.resolve()):
        return loaded
    if loaded is not None or importlib.util.find_spec(path.stem) is not None:
        raise SubmissionError(f"{path} is called as an installed module; rename it")
    # By its folder, so that other processes find it too.
    sys.path.insert(0, str(path.resolve().parent))
    return _loaded(str(path), path.stem)


def _loaded(text: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:
        raise SubmissionError(f"predictor {text!r} does not load: {_one_line(error)}") from error


def _predictor(text: str, module: ModuleType, attribute: str) -> "Predictor":
    from demogen.measuring.predictor import Measure, Predictor

    value: Any = module
    for name in attribute.split("."):
        value = lookup(name, _attributes(value), f"attribute for {text}", SubmissionError)
    if isinstance(value, type):
        try:
            value = value()
        except Exception as error:
            raise SubmissionError(f"predictor {text!r} is not made: {_one_line(error)}") from error
    if isinstance(value, Measure):
        return Predictor.from_measure(value)
    if not isinstance(value, Predictor):
        raise SubmissionError(f"{text!r} is no demogen.Predictor and no demogen.Measure")
    return value


def _attributes(owner: Any) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
