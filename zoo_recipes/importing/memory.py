"""Memory that is used again for each network.

Networks are megabytes, and the kernel takes longer to hand out fresh pages than a copy into old
ones takes.
"""

import threading
from typing import final

import numpy as np

MOST_KEPT = 32
"""Pieces that wait for their next use."""


@final
class Memory(threading.local):
    """A thread's own; what it gives is valid until the same thread asks again by the same key."""

    def __init__(self) -> None:
        self._kept: dict[int, memoryview] = {}

    def piece(self, key: int, size: int) -> memoryview:
        """So many bytes, of any content."""
        kept = self._kept.get(key)
        if kept is None or len(kept) < size:
            # By numpy, which touches none of it: a size may be a lie.
            kept = self._kept[key] = np.empty(size, np.uint8).data
        return kept[:size]


@final
class Copies:
    """Copies that one thread makes, and another gives back when it needs them no more."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []
        self._lock = threading.Lock()

    def copy(self, content: memoryview) -> memoryview:
        """A copy of bytes."""
        with self._lock:
            fitting = [m for m in self._free if len(content) <= len(m) <= 2 * len(content)]
            memory = min(fitting, key=len, default=None)
            if memory is not None:
                # Not `remove`, which would compare contents.
                self._free = [other for other in self._free if other is not memory]
        if memory is None:
            memory = bytearray(len(content))
        view = memoryview(memory)[: len(content)]
        view[:] = content
        return view

    def give_back(self, copy: memoryview) -> None:
        """Let the memory of a copy be used again; the copy itself raises ValueError from now on."""
        memory = copy.obj
        copy.release()
        assert isinstance(memory, bytearray)
        with self._lock:
            self._free = [*self._free, memory][-MOST_KEPT:]
