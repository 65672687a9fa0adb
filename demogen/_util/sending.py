"""What a worker process needs of the one that sends it tasks: functions, tasks and settings.

Only what this program itself has sent to its own workers is ever read back. cloudpickle sends
classes and functions that a worker cannot import (of a notebook, a script, a function) by value.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import cloudpickle

from demogen.errors import DemogenError

Result = TypeVar("Result")

PASSED_ON = ("DEMOGEN_IMAGES", "HF_ENDPOINT", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_OFFLINE")
"""Variables of the environment that decide what a task finds, and are no secrets."""

_FOLDERS = ("DEMOGEN_IMAGES",)


def environment() -> dict[str, str]:
    """Those variables that are set here, folders as absolute paths."""
    found = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    for name in found.keys() & set(_FOLDERS):
        found[name] = str(Path(found[name]).expanduser().absolute())
    return found


def packed(function: Callable[..., Any], *arguments: Any) -> bytes:
    """A call, to be made by `run` in another process.

    Raises:
        DemogenError: a part of it (an open file, a lock, a generator) cannot be sent.
    """
    return _sendable((function, arguments), "what is to be done")


def check_can_send(item: Any, what: str) -> None:
    """Find out before workers start whether something can go to them.

    Args:
        item: to be sent later.
        what: names it in the message.

    Raises:
        DemogenError: it cannot.
    """
    _sendable(item, what)


def _sendable(item: Any, what: str) -> bytes:
    try:
        content: bytes = cloudpickle.dumps(item)
    # Objects say in errors of every kind that they cannot be pickled.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DemogenError(
            f"{what} cannot be sent to worker processes ({reason}): run it in this process "
            "(--workers 1, no --ray), or make it of what can be pickled"
        ) from error
    return content


def run(content: bytes) -> Any:
    """Make the call that was packed; both ends are processes of one program.

    Raises:
        DemogenError: a module or a part of one that the call needs is missing here, as on another
            node of a cluster.
    """
    try:
        function, arguments = cloudpickle.loads(content)
    except (ImportError, AttributeError) as error:
        raise DemogenError(
            f"a task needs what is not installed here ({error}): install it on every node, in the "
            "version of the process that sends it"
        ) from error
    return function(*arguments)


@contextmanager
def without_main_module() -> Iterator[None]:
    """Processes started in this block do not run the user's script once more.

    `multiprocessing` would, to find in it what is pickled by name; nothing here is.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
