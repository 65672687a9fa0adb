"""How long a Hub is waited for: silence has a limit, and so has an answer that drips."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

from demogen.errors import ZooError

SILENCE = 8.0
"""Seconds without a byte after which a connection is given up, unless HF_HUB_DOWNLOAD_TIMEOUT says
another number."""

SILENT_TRIES = 2
"""Silent connections in a row after which a Hub is given up."""

WINDOW = 20.0
LEAST_RATE = 1024.0
"""Bytes a second: an answer that brings fewer, over a window of so many seconds, is given up."""


class TooSlowError(ZooError):
    """An answer comes so slowly that it would never end, or none comes."""


class _Silences(threading.local):
    count = 0


_SILENCES = _Silences()
"""How many connections of this thread fell silent since an answer came whole."""


def begin() -> None:
    """Begin with something new: silence in what went before does not count."""
    _SILENCES.count = 0


def refuse_silence() -> None:
    """Refuse another request where the last ones fell silent; the client would make six of each.

    Raises:
        TooSlowError: `SILENT_TRIES` in a row did.
    """
    if _SILENCES.count >= SILENT_TRIES:
        raise TooSlowError(
            "it is silent; run it again later, or set HF_HUB_DOWNLOAD_TIMEOUT to more seconds"
        )


def note(event: str, facts: Mapping[str, Any]) -> None:
    """Take notice of what the HTTP library tells of a request: whether it fell silent."""
    if event.endswith(".failed") and type(facts.get("exception")).__name__ == "ReadTimeout":
        _SILENCES.count += 1


def silence() -> float:
    """Seconds that a silent connection is waited for.

    Raises:
        ZooError: HF_HUB_DOWNLOAD_TIMEOUT is no number of seconds.
    """
    said = os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT", "").strip()
    if not said:
        return SILENCE
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ZooError(f"HF_HUB_DOWNLOAD_TIMEOUT is {said!a:.40}; give it a number of seconds")
    return seconds


@final
class Pace:
    """Counts the bytes of an answer as they come.

    Args:
        clock: seconds, whose start does not matter.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began, self._bytes = clock(), 0

    def add(self, size: int) -> None:
        """Note that so many bytes came.

        Raises:
            TooSlowError: a window is over in which fewer came than `LEAST_RATE` asks for.
        """
        self._bytes += size
        passed = self._clock() - self._began
        if passed < WINDOW:
            return
        if self._bytes < LEAST_RATE * passed:
            raise TooSlowError(
                f"fewer than {LEAST_RATE:,.0f} bytes a second arrived for {passed:.0f} seconds; "
                "run it again later, or over another network"
            )
        self._began, self._bytes = self._clock(), 0

    def pause(self) -> None:
        """Begin a new window: the reader, not the sender, has let time pass."""
        self._began, self._bytes = self._clock(), 0


def paced(response: Any) -> None:
    """Let the content of an HTTP response be given up once it drips."""
    library = sys.modules[type(response).__module__.partition(".")[0]]

    class _Paced(library.SyncByteStream):  # type: ignore[name-defined,misc]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            pace = Pace()
            for piece in self._stream:
                pace.add(len(piece))
                before = time.monotonic()
                yield piece
                # Who reads slowly is not served slowly.
                if time.monotonic() - before > 1:
                    pace.pause()
            begin()

        def close(self) -> None:
            self._stream.close()

    response.stream = _Paced(response.stream)
