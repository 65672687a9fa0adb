"""Where this machine keeps what was built or computed."""

import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from demogen.errors import DemogenError


def home() -> Path:
    """$DEMOGEN_HOME, or demogen's folder in the user's cache.

    Raises:
        DemogenError: there is neither: the user has no home, as in some containers.
    """
    if folder := os.environ.get("DEMOGEN_HOME"):
        return expanded(folder)
    # Where no home is known, some versions raise and others leave "~" as it is.
    with suppress(RuntimeError):
        cache = Path(platformdirs.user_cache_dir("demogen"))
        if cache.is_absolute():
            return cache
    raise DemogenError(
        "this user has no home folder to keep zoos and measurements in: set DEMOGEN_HOME to a "
        "folder for them"
    )


def expanded(path: Path | str) -> Path:
    """A path that a user wrote, with "~" and "~name" replaced by their home.

    Raises:
        DemogenError: no home is known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DemogenError(
            f"{path}: no home folder is known of that user; write the whole path"
        ) from error


def replaceable(folder: Path | str) -> Path:
    """A folder that a user named, under the name that it can be replaced by: of a link, its end.

    What is replaced is first written beside it, and "." has no name to write beside.

    Raises:
        DemogenError: it has no name, as "/" has none.
    """
    path = expanded(folder)
    if path.is_symlink() or path.name in ("", ".."):
        path = path.resolve()
    if not path.name:
        raise DemogenError(f"{folder} cannot be replaced; choose a folder below it")
    return path


def zoos() -> Path:
    """Zoos built here, a folder each, found by name."""
    return home() / "zoos"


def measurements() -> Path:
    """Cached signatures, a file a measure."""
    return home() / "measurements"


def decoded_images() -> Path:
    """Image sets decoded once, a file a set."""
    return home() / "images"
