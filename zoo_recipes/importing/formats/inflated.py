"""What a gzip file holds, from its beginning or from a place in the middle."""

import io
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, final

PIECE = 1 << 20
POINT_BYTES = 32 << 20
"""Bytes between two places where decompression can begin anew."""


@dataclass(frozen=True)
class Point:
    """A place of a .tar.gz where decompression can begin anew."""

    unpacked: int
    packed: int
    state: Any
    tail: bytes


@final
class Inflated(io.RawIOBase):
    """What a gzip file holds, from its beginning or a point on; points are kept where asked for."""

    def __init__(self, file: BinaryIO, points: list[Point] | None, start: Point | None) -> None:
        self.file = file
        self.position = 0
        self._points = points
        if start is None:
            self._inflate, self._tail = zlib.decompressobj(31), b""
        else:
            self._inflate, self._tail = start.state.copy(), start.tail
            self.position = start.unpacked
            file.seek(start.packed)
        self._left = memoryview(b"")
        if points is not None:
            self._keep_point()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is not."""
        return False

    def tell(self) -> int:
        """Bytes that have come out so far."""
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Read some bytes, as many as there are at hand; 0 at the end."""
        if not self._left:
            self._left = memoryview(self._next())
        piece = self._left[: len(buffer)]
        buffer[: len(piece)] = piece
        self._left = self._left[len(piece) :]
        self.position += len(piece)
        return len(piece)

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end."""
        pieces = []
        while size:
            if not self._left and not (next_piece := self._next()):
                break
            elif not self._left:
                self._left = memoryview(next_piece)
            pieces.append(self._left[:size])
            self._left = self._left[len(pieces[-1]) :]
            self.position += len(pieces[-1])
            size -= len(pieces[-1])
        return b"".join(pieces)

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        while count and (passed := len(self.read(min(count, PIECE)))):
            count -= passed

    def _next(self) -> bytes:
        """The next bytes that come out; none at the end."""
        while True:
            if self._inflate.eof:
                rest = self._inflate.unused_data or self.file.read(PIECE)
                if not rest.strip(b"\0"):
                    return b""
                self._inflate, self._tail = zlib.decompressobj(31), rest
            packed = self._tail or self.file.read(PIECE)
            if not packed:
                raise EOFError("the compressed file is cut")
            piece: bytes = self._inflate.decompress(packed, PIECE)
            self._tail = self._inflate.unconsumed_tail
            if piece:
                if self._points is not None:
                    self._keep_point(len(piece))
                return piece

    def _keep_point(self, coming: int = 0) -> None:
        """Keep the place behind the bytes that come next, if the last point is far enough off."""
        assert self._points is not None
        place = self.position + coming
        if not self._points or place - self._points[-1].unpacked >= POINT_BYTES:
            state = self._inflate.copy() if not self._inflate.eof else None
            if state is not None:
                self._points.append(Point(place, self.file.tell(), state, self._tail))
