"""Which modules are of installed libraries, and what tells one state of a library from another."""

import builtins
import os
import sys
import sysconfig
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

_LIBRARIES = (
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    Path(os.__file__).parent,
)


def library(module: str) -> str | None:
    """The version of the distribution that a module is of; None: it is the user's own."""
    if module in ("", "__main__"):
        return None
    top = module.partition(".")[0]
    found = sys.modules.get(module)
    return _library_of(top, getattr(found, "__file__", None) or "")


@lru_cache(maxsize=4096)
def _library_of(top: str, file: str) -> str | None:
    installed = any(Path(file).is_relative_to(at) for at in _LIBRARIES)
    if top == builtins.__name__ or (top in sys.stdlib_module_names and (not file or installed)):
        return "python"
    if top != "demogen":
        beside = {"site-packages", "dist-packages"} & set(Path(file).parts)
        if not file or not (beside or installed):
            return None
    try:
        return version(top)
    except PackageNotFoundError:
        return str(getattr(sys.modules.get(top), "__version__", "installed"))


@cache
def sources_digest(package: str) -> str:
    """Hex sha256 over the names and sources of a package that stands at the top, or of a module."""
    digest = sha256()
    try:
        found = find_spec(package)
    except (ImportError, ValueError):  # made by hand, as tests do
        found = None
    for folder in map(Path, (found and found.submodule_search_locations) or ()):
        for source in sorted(folder.rglob("*.py")):
            content = source.read_bytes()
            name = f"{package}/{source.relative_to(folder).as_posix()} {len(content)}\n"
            digest.update(name.encode() + content)
    if found and found.has_location and not found.submodule_search_locations:
        digest.update(Path(str(found.origin)).read_bytes())
    return digest.hexdigest()
