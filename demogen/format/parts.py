"""Files and folders that are being written, under names that tell who writes them.

What a process leaves behind that was killed is removed by the next one that writes at the same
place: it asks the system whether the owner lives, where the owner ran here, and else waits for a
week without a change.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from demogen.errors import naming
from demogen.schema.parsing import sha256

FORGOTTEN_SECONDS = 7 * 86_400.0
"""After so long without a change, what a process elsewhere was writing is taken for forgotten."""

_OWNER = r"(?:(?P<place>[0-9a-f]{6})_(?P<pid>[1-9][0-9]{0,9})_)?[0-9a-f]{8}"
_PART = re.compile(rf"\..+\.{_OWNER}\.part")
_SCRATCH = re.compile(rf"-(?P<purpose>[a-z]+)-{_OWNER}")


@contextmanager
def replacing(path: Path, sync: Callable[[BinaryIO], object]) -> Iterator[BinaryIO]:
    """A file to write to; it takes its place at `path` when the block ends without an error.

    It lies under a temporary name in the same folder until then, and is removed if the block fails.

    Args:
        path: of the file.
        sync: makes what was written to it last.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy_once(path.parent)
    # Not by tempfile: only their owner may read its files, also after they are renamed.
    scratch = path.with_name(f".{path.name}.{_owner()}.part")
    try:
        with naming(path), scratch.open("xb") as file:
            yield file
            sync(file)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def scratch_folder(beside: Path, purpose: str) -> Path:
    """A new folder `.<name>-<purpose>-<owner>` beside a path, open to whom the umask admits."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    remove_scratch(beside)
    folder = beside.with_name(f".{beside.name}-{purpose}-{_owner()}")
    folder.mkdir()
    return folder


def is_part(path: Path) -> bool:
    """Whether a file has the name of one that is being written, or was when its owner died."""
    return _PART.fullmatch(path.name) is not None


def remove_parts(folders: Iterable[Path]) -> None:
    """Remove the unfinished files in these folders that nobody writes any more."""
    for folder in folders:
        with suppress(OSError):
            for path in list(folder.iterdir()):
                found = _PART.fullmatch(path.name)
                if found and not path.is_symlink() and path.is_file() and _is_left(path, found):
                    path.unlink(missing_ok=True)


def remove_scratch(beside: Path) -> None:
    """Remove the folders of `scratch_folder` beside a path that nobody writes in any more.

    That of an old zoo stays as long as no new one has taken its place.
    """
    prefix = f".{beside.name}"
    with suppress(OSError):
        for path in list(beside.parent.iterdir()):
            if not path.name.startswith(prefix) or path.is_symlink() or not path.is_dir():
                continue
            found = _SCRATCH.fullmatch(path.name.removeprefix(prefix))
            if not found or (found["purpose"] == "old" and not beside.exists()):
                continue
            if _is_left(path, found):
                shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path, owner: "re.Match[str]") -> bool:
    if owner["place"] == _place() and os.name != "nt":
        return not _lives(int(owner["pid"]))
    changed = max((each.lstat().st_mtime for each in path.rglob("*")), default=0.0)
    return time.time() - max(changed, path.lstat().st_mtime) > FORGOTTEN_SECONDS


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _owner() -> str:
    return f"{_place()}_{os.getpid()}_{secrets.token_hex(4)}"


@cache
def _place() -> str:
    """Six digits for where numbers of processes mean the same: this machine since it started."""
    facts = [os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        # Containers of one machine number their processes apart.
        facts.append(os.readlink("/proc/self/ns/pid"))
    return sha256("\n".join(facts).encode())[:6]


_TIDIED: set[Path] = set()


def _tidy_once(folder: Path) -> None:
    """Look once a process, for folders of results hold thousands of files."""
    if (place := folder.absolute()) not in _TIDIED:
        _TIDIED.add(place)
        remove_parts([folder])
