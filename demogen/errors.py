"""Errors a user can act on: each message is one line that names the thing and the remedy."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DemogenError(Exception):
    """What the command line shows as one line, with exit code 2; the base of all errors below."""


class ZooError(DemogenError):
    """A zoo or an image set cannot be found or used as asked."""


class UnknownSplitError(ZooError, KeyError):
    """There is no split of this name; a mapping of splits raises it, so it is a KeyError, too."""

    def __str__(self) -> str:
        return str(self.args[0])


class CorruptZooError(ZooError):
    """Bytes of a zoo are not what its manifest says."""


class PredictorError(DemogenError):
    """A predictor or a measure cannot be found, loaded or fitted as asked, or fails a check."""


class RecipeError(DemogenError):
    """A recipe is not valid, or cannot be carried out."""


class NotMeasurable(DemogenError):  # noqa: N818 - the field says "not measurable", not "error"
    """A measure is not defined for this network; the message says why."""


class AccessError(DemogenError):
    """A measure asked a network for something it had not declared in its `access`."""


class ResultError(DemogenError):
    """A result cannot be read, or its parts do not agree; results that do not go together."""


class TableError(DemogenError):
    """A table of one's own cannot be read, or does not hold what is asked of it."""


class SubmissionError(DemogenError):
    """A submission does not hold what it claims."""


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


_FULL = "free some space, or choose another place, and run the same command again"
_FORBIDDEN = (
    "you may not do that there; choose another place (DEMOGEN_HOME for what demogen keeps), or ask "
    "its owner"
)
_UNSUPPORTED = "the file system there cannot do that; choose a folder on a local disk"
_IN_USE = "what is mounted or open there cannot be moved; choose a folder below it"
_TOO_MANY = "close other programs, or raise the limit (`ulimit -n`)"

_REMEDIES = {
    "ENOSPC": _FULL,
    "EDQUOT": _FULL,
    "EFBIG": "files there cannot be so large; choose a folder on another disk",
    "EACCES": _FORBIDDEN,
    "EPERM": _FORBIDDEN,
    "EROFS": _FORBIDDEN,
    "EINVAL": _UNSUPPORTED,
    "ENOTSUP": _UNSUPPORTED,
    "EOPNOTSUPP": _UNSUPPORTED,
    "ENOSYS": _UNSUPPORTED,
    "ENOLCK": _UNSUPPORTED,
    "EXDEV": _IN_USE,
    "EBUSY": _IN_USE,
    "EMFILE": _TOO_MANY,
    "ENFILE": _TOO_MANY,
    "ENAMETOOLONG": "choose a shorter name",
    "ENOENT": "check the name",
    "ENOTDIR": "check the name; a part of it is a file",
    "EISDIR": "a file is needed; check the name",
    "EEXIST": "remove it, or choose another name",
    "ENOTEMPTY": "empty it, or choose another name",
    "ELOOP": "its links lead around in a circle; write the place itself",
    "EIO": "the disk, or the network to it, is at fault; check it and run the same command again",
    "ESTALE": "the network drive went away; mount it again and run the same command again",
    "ETIMEDOUT": "the network drive does not answer; run the same command again",
}
"""Name of the operating system's error → what to do; not every system knows all of them."""


def explain_os_error(error: OSError) -> str:
    """An error of the operating system as one line: the place, what is wrong, and what to do."""
    # What a rename would have made, where there are two places.
    place = error.filename2 or error.filename
    return f"{place}: {os_fault(error)}" if place else os_fault(error)


def os_fault(error: OSError) -> str:
    """What is wrong, and what to do, for a message that names the place itself."""
    remedy = _REMEDIES.get(errno.errorcode.get(error.errno or 0, ""))
    fault = " ".join((error.strerror or str(error) or type(error).__name__).split())
    if "No usable temporary directory" in fault:
        remedy = "set TMPDIR to a folder that you may write to"
    return f"{fault}; {remedy}" if remedy else fault


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Name a place in errors of the operating system that name none: of open files they do not."""
    try:
        yield
    except OSError as error:
        # Without a number it is an error of Python's own, whose message a name would replace.
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


class ArchiveError(DemogenError):
    """An archive of somebody's networks, or a network in it, cannot be read or does not fit."""
