"""Whether a place can be written, found out before hours of work whose outcome goes there."""

import tempfile
from pathlib import Path

from demogen._util import paths
from demogen.errors import DemogenError


def check_can_write(path: Path | str, *, folder: bool = False, remedy: str = "") -> None:
    """Try to write where a file, or a folder of files, is to be; nothing is left there.

    Args:
        path: of the file or folder, which need not be there yet, nor what it lies in.
        folder: whether it is a folder.
        remedy: what to do; "": give another one.

    Raises:
        DemogenError: it cannot be written; the path and the reason are named.
    """
    place = paths.expanded(path)
    kind = "folder" if folder else "file"
    remedy = remedy or f"give another {kind}"
    try:
        if place.exists() and place.is_dir() != folder:
            raise DemogenError(f"{path} is no {kind}: {remedy}")
        there = place if folder and place.exists() else place.absolute().parent
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise DemogenError(f"{path} cannot be written ({there} is no folder): {remedy}")
        with tempfile.TemporaryFile(dir=there):
            pass
        if not folder and place.exists():
            place.open("ab").close()
    except OSError as error:
        raise DemogenError(f"{path} cannot be written ({error.strerror}): {remedy}") from error
