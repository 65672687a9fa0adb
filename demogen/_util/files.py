"""Files from outside, read whole: the size is looked at first, and held to while reading."""

import stat
from pathlib import Path

from demogen._util.limits import FILE_BYTES
from demogen._util.parsing import UnreadableError
from demogen.errors import naming


def read_bounded(path: Path, most: int = FILE_BYTES) -> bytes:
    """The content of a file.

    Args:
        path: of the file. A pipe or a device, which may never end, is refused.
        most: bytes that it may have.

    Raises:
        UnreadableError: it is larger, or no file.
        OSError: it cannot be read; the error names it.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
        raise UnreadableError("it is no regular file")
    if state.st_size > most:
        raise UnreadableError(f"it has {state.st_size:,} bytes, and such a file at most {most:,}")
    with naming(path), path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UnreadableError("it grew while it was read")
    return content


def read_text_bounded(path: Path, most: int = FILE_BYTES) -> str:
    """The text of a UTF-8 file; else as `read_bounded`."""
    try:
        return read_bounded(path, most).decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is no UTF-8 (byte {error.start})") from error
