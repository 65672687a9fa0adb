"""Run code that nobody has to trust in a child process: less to reach, and an end to it.

This is no sandbox: the child has the same user and the same file system. It keeps honest code
honest and clumsy code harmless; for hostile code the whole machine must be one to throw away.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

MEGABYTE = 1 << 20

PASSED_ON = ("LANG", "LC_ALL", "PATH", "SYSTEMROOT", "TZ")
"""What a child keeps of the environment, beside PYTHONPATH: nothing that says who anybody is."""

THREADS = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

LARGEST_FILE = 64 * MEGABYTE
"""Bytes that the child may write into one file."""

_POLL = 0.05
_NEW_USER, _NEW_NETWORK, _NO_NEW_PRIVILEGES = 0x10000000, 0x40000000, 38


@final
@dataclass(frozen=True)
class Limits:
    """What a child may take.

    Attributes:
        seconds: from start to end, by the clock.
        memory: megabytes of address space, beyond what Python with torch takes.
    """

    seconds: float = 600.0
    memory: int = 4096


@final
@dataclass(frozen=True)
class ProcessResult:
    """What is known of a child that ended.

    Attributes:
        code: its exit code, −n after signal n; None: it was killed because its time was up.
        message: what it wrote to the pipe that it closed before it ran any code of others.
    """

    code: int | None
    message: str


def environment(folder: Path) -> dict[str, str]:
    """The environment of a child: built from nothing, with all homes in a folder of its own."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    home = str(folder / "home")
    return {
        **kept,
        **dict.fromkeys(THREADS, "1"),
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in paths if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": home,
        "TMPDIR": home,
        "XDG_CACHE_HOME": home,
        "DEMOGEN_HOME": home,
        "HF_HOME": home,
        "HF_HUB_OFFLINE": "1",
    }


def run_confined(arguments: Sequence[str], folder: Path, limits: Limits) -> ProcessResult:
    """Run this Python with arguments in a folder, until it ends or its time is up.

    The child gets the number of a pipe as its last argument. All processes of its group are killed
    at the end; one that left the group is not.

    Args:
        arguments: of the interpreter.
        folder: where it starts, and where its homes are made.
        limits: of which the time is kept here; memory is the child's first business.
    """
    (folder / "home").mkdir()
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, (folder / "errors.txt").open("wb") as errors:
        try:
            child = subprocess.Popen(
                # Not from the folder: a file in it may be called as a module.
                [sys.executable, "-P", *arguments, str(writing)],
                cwd=folder,
                env=environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=[writing],
                start_new_session=True,
            )
        finally:
            os.close(writing)
        try:
            in_time = _ends(child.pid, time.monotonic() + limits.seconds)
        finally:
            _kill_group(child.pid)
            code = child.wait()
        # The child's own end may be left open in a process that left the group.
        os.set_blocking(pipe.fileno(), False)
        message = pipe.read(4096) or b""
    return ProcessResult(code if in_time else None, message.decode("ascii", "replace"))


def _ends(pid: int, deadline: float) -> bool:
    """Whether a child ends in time; it is not reaped, so that its number stays its own."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def leave_the_network() -> bool:
    """Move this process to a network without any device, where the system lets it.

    To be called while the process has one thread. It can no more gain rights either (setuid).

    Returns:
        Whether there is no network now.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return bool(libc.unshare(_NEW_USER | _NEW_NETWORK) == 0)


def limit_resources(limits: Limits) -> bool:
    """Bound memory, processor time, and the size of files and core dumps of this process.

    choice: address space, the only memory that the system bounds without rights. Libraries take
    much of it without using it, so what is there when this is called is added to the limit.

    Returns:
        Whether memory is bounded.
    """
    try:
        import resource
    except ImportError:
        return False
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    size = re.search(r"VmSize:\s*([0-9]+) kB", status)
    if size is None:
        return False
    space = 1024 * int(size[1]) + limits.memory * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    return True
