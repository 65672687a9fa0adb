"""Memory that is used again for each network.

Networks are megabytes, and the kernel takes longer to hand out fresh pages than a copy into old
ones takes.
"""

import threading
from typing import Any, final

import numpy as np

MOST_KEPT = 32
"""Pieces that wait for their next use."""

_ALIGNMENT = 64
"""Where pieces begin. Processors copy between a file's pages and memory that begins 8 or 16 bytes
behind the beginning of a page, as memory mostly does, at a fraction of their speed."""


def aligned(size: int) -> Any:
    """An array of so many bytes, uint8; none of it is touched, as a size may be a lie."""
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    before = -memory.ctypes.data % _ALIGNMENT
    return memory[before : before + size]


@final
class Memory(threading.local):
    """A thread's own; what it gives is valid until the same thread asks again by the same key."""

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}

    def piece(self, key: int, size: int) -> memoryview:
        """So many bytes, of any content."""
        kept = self._kept.get(key)
        if kept is None or len(kept) < size:
            kept = self._kept[key] = aligned(size)
        piece: memoryview = kept[:size].data
        return piece


@final
class Copies:
    """Copies that one thread makes, and another gives back when it needs them no more."""

    def __init__(self) -> None:
        self._free: list[Any] = []
        self._lock = threading.Lock()

    def copy(self, content: memoryview) -> memoryview:
        """A copy of bytes."""
        with self._lock:
            fitting = [m for m in self._free if len(content) <= len(m) <= 2 * len(content)]
            memory = min(fitting, key=len, default=None)
            # Not `remove`, which would compare contents.
            self._free = [other for other in self._free if other is not memory]
        if memory is None:
            memory = aligned(len(content))
        view: memoryview = memory.data[: len(content)]
        view[:] = content
        return view

    def give_back(self, copy: memoryview) -> None:
        """Let the memory of a copy be used again; the copy itself raises ValueError from now on."""
        memory = copy.obj
        copy.release()
        with self._lock:
            self._free = [*self._free, memory][-MOST_KEPT:]
