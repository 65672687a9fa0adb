"""Weights of many networks, read in few requests, ahead of their use, each checked."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import final

from torch import Tensor

from demogen.errors import CorruptZooError
from demogen.format.storage import Storage
from demogen.format.table import ByteRange
from demogen.schema.records import sha256
from demogen.zoo import weights

SPAN = 8 << 20
"""Bytes read in one piece where networks lie side by side; a larger network is read alone."""

GAP = 64 << 10
"""Bytes between two networks that are read and thrown away rather than asked for apart."""

AHEAD = 32 << 20
"""Bytes that may be read ahead of their use; a single larger piece is allowed."""


@dataclass(frozen=True)
class WeightsRequest:
    """A network whose weights to read: its id, where they lie, and their sha256."""

    id: str
    byte_range: ByteRange
    sha256: str


@dataclass(frozen=True)
class ReadWeights:
    """What was read of a network: its tensors, or the fault why there are none."""

    id: str
    tensors: dict[str, Tensor]
    fault: CorruptZooError | None = None


@dataclass(frozen=True)
class Span:
    """Networks, at least one, whose weights are read in one piece of a shard."""

    requests: Sequence[WeightsRequest]

    @property
    def start(self) -> int:
        """First byte."""
        return self.requests[0].byte_range.offset

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.requests[-1].byte_range.stop - self.start


def read_ahead(
    storage: Storage, requests: Iterable[WeightsRequest], zoo: str
) -> Iterator[ReadWeights]:
    """The weights of networks, in this order, checked by length and sha256.

    The first network is read alone, and nothing is read ahead until the caller asks for the second:
    whoever takes one network waits for one.

    Args:
        storage: where the shards lie.
        requests: the networks; neighbors in a shard should be neighbors here.
        zoo: its name in messages.

    Raises:
        ZooError: a shard cannot be read at all. (A network whose bytes are wrong, even when read
            a second time, is yielded with its fault.)
    """
    spans = plan_spans(requests)
    if (following := next(spans, None)) is None:
        return
    yield from _read(storage, following, zoo)
    following = next(spans, None)
    window: deque[tuple[int, Future[list[ReadWeights]]]] = deque()
    with ThreadPoolExecutor(storage.streams, thread_name_prefix="read-ahead") as readers:

        def fill() -> None:
            nonlocal following
            while following is not None and len(window) < storage.streams:
                if window and sum(length for length, _ in window) + following.length > AHEAD:
                    return
                reading = readers.submit(_read, storage, following, zoo)
                window.append((following.length, reading))
                following = next(spans, None)

        try:
            fill()
            while window:
                arrived = window.popleft()[1].result()
                fill()
                yield from arrived
        finally:
            for _, reading in window:
                reading.cancel()


def plan_spans(requests: Iterable[WeightsRequest]) -> Iterator[Span]:
    """Join networks that lie side by side; the first stays alone, and spans grow up to SPAN.

    The first spans are small, so that the first networks come soon.
    """
    limit = 0
    gathered: list[WeightsRequest] = []
    for network in requests:
        if gathered and not _fits(gathered, network.byte_range, limit):
            yield Span(gathered)
            limit, gathered = min(max(2 * limit, 1 << 20), SPAN), []
        gathered.append(network)
    if gathered:
        yield Span(gathered)


def _fits(gathered: Sequence[WeightsRequest], following: ByteRange, limit: int) -> bool:
    first, last = gathered[0].byte_range, gathered[-1].byte_range
    return (
        following.shard == last.shard
        and 0 <= following.offset - last.stop <= GAP
        and following.stop - first.offset <= limit
    )


@final
class _ByteStream:
    """Pieces of bytes, of whatever lengths they arrive in, taken in the lengths that are needed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def take(self, length: int) -> bytes:
        """The next bytes; fewer where the stream ends."""
        taken = []
        while length:
            if not self._left:
                self._left = memoryview(next(self._pieces, b""))
                if not self._left:
                    break
            taken.append(self._left[:length])
            self._left = self._left[length:]
            length -= len(taken[-1])
        return b"".join(taken)

    def end(self) -> None:
        """Read to the end of the stream; else its connection could not be used again."""
        for _ in self._pieces:
            pass


def _read(storage: Storage, span: Span, zoo: str) -> list[ReadWeights]:
    """One piece; each network is checked as it arrives, while its bytes are in the cache."""
    read: list[ReadWeights] = []
    position = span.start
    stream = _ByteStream(storage.stream(span.requests[0].byte_range.shard, span.start, span.length))
    try:
        for network in span.requests:
            stream.take(network.byte_range.offset - position)
            position = network.byte_range.stop
            read.append(_checked(storage, network, stream.take(network.byte_range.length), zoo))
        stream.end()
    except CorruptZooError as fault:
        return [ReadWeights(network.id, {}, fault) for network in span.requests]
    return read


def _checked(storage: Storage, request: WeightsRequest, content: bytes, zoo: str) -> ReadWeights:
    """The tensors in what was read; it is read once more if it is not what it should be."""
    byte_range = request.byte_range
    what = f"{zoo}: network {request.id}"
    try:
        if _fault(request, content):
            content = b"".join(
                storage.stream(byte_range.shard, byte_range.offset, byte_range.length, refetch=True)
            )
        if fault := _fault(request, content):
            raise CorruptZooError(f"{what} {fault}, read twice; fetch or publish the zoo again")
        return ReadWeights(request.id, weights.from_bytes(content, what))
    except CorruptZooError as error:
        return ReadWeights(request.id, {}, error)


def _fault(request: WeightsRequest, content: bytes) -> str | None:
    byte_range, expected = request.byte_range, request.sha256
    if len(content) != byte_range.length:
        return f"ends in {byte_range.shard} after {len(content)} of {byte_range.length} bytes"
    if (digest := sha256(content)) != expected:
        return f"has sha256 {digest[:12]}… in {byte_range.shard} instead of {expected[:12]}…"
    return None
