"""What `module:attribute` and `path/to/file.py:attribute` name, as entry points write it."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from demogen._util.lookup import lookup
from demogen.errors import DemogenError

_ATTRIBUTE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def names_attribute(text: str) -> bool:
    """Whether a text has the form of one of the two."""
    return bool(_ATTRIBUTE.fullmatch(text)) or text.rpartition(":")[0].endswith(".py")


def attribute(text: str, what: str, error: type[DemogenError], folder: Path | None = None) -> Any:
    """The object that a text names. This runs the code it names.

    Args:
        text: of one of the two forms.
        what: it is, in messages ("predictor").
        error: raised where there is no such thing.
        folder: where the path of a file starts; None: the current one.

    Raises:
        DemogenError: `error`: the text is of neither form, the module or file does not load, or has
            no such attribute.
    """
    module, _, name = text.rpartition(":")
    if module.endswith(".py"):
        value: Any = _from_file((folder or Path()) / module, what, error)
    elif _ATTRIBUTE.fullmatch(text):
        value = _loaded(text, module, what, error)
    else:
        raise error(f"{what} {text!r} is no file.py:ATTRIBUTE and no module:ATTRIBUTE")
    for part in name.split("."):
        value = lookup(part, _public(value), f"attribute for {text}", error)
    return value


def _from_file(path: Path, what: str, error: type[DemogenError]) -> ModuleType:
    if not path.is_file():
        raise error(f"there is no file {path}")
    loaded = sys.modules.get(path.stem)
    if loaded is not None and _is_file(getattr(loaded, "__file__", None), path):
        return loaded
    found = None if loaded is not None else importlib.util.find_spec(path.stem)
    # Python finds the file itself where it looks in its folder (`python -m demogen` in that).
    if loaded is not None or (found is not None and not _is_file(found.origin, path)):
        raise error(f"{path} is called as an installed module; rename it")
    # By its folder, so that other processes find it too.
    sys.path.insert(0, str(path.resolve().parent))
    return _loaded(str(path), path.stem, what, error)


def _is_file(origin: str | None, path: Path) -> bool:
    return origin is not None and Path(origin).resolve() == path.resolve()


def _loaded(text: str, module: str, what: str, error: type[DemogenError]) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as fault:
        line = " ".join(f"{type(fault).__name__}: {fault}".split())
        raise error(f"{what} {text!r} does not load: {line}") from fault


def _public(owner: Any) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}
