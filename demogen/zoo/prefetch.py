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
class Wanted:
    """A network to read: its id, where it lies, and the sha256 of its bytes."""

    id: str
    place: ByteRange
    sha256: str


@dataclass(frozen=True)
class Weights:
    """What was read of a network: its tensors, or why there are none."""

    id: str
    tensors: dict[str, Tensor]
    fault: CorruptZooError | None = None


@dataclass(frozen=True)
class Span:
    """Networks that are read in one piece of a shard, at least one."""

    wanted: Sequence[Wanted]

    @property
    def start(self) -> int:
        """First byte."""
        return self.wanted[0].place.offset

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.wanted[-1].place.stop - self.start


def read_ahead(storage: Storage, wanted: Iterable[Wanted], zoo: str) -> Iterator[Weights]:
    """The weights of networks, in this order, checked by length and sha256.

    The first network is read alone, and nothing is read ahead until the second is asked for: who
    wants one network pays for one.

    Args:
        storage: where the shards lie.
        wanted: the networks; neighbors in a shard should be neighbors here.
        zoo: its name in messages.

    Raises:
        ZooError: a shard cannot be read at all. (A network whose bytes are wrong, even when read
            again, is given with its fault.)
    """
    spans = plan_spans(wanted)
    if (following := next(spans, None)) is None:
        return
    yield from _read(storage, following, zoo)
    following = next(spans, None)
    window: deque[tuple[int, Future[list[Weights]]]] = deque()
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


def plan_spans(wanted: Iterable[Wanted]) -> Iterator[Span]:
    """Join networks that lie side by side; the first stays alone, and spans grow up to SPAN.

    The first spans are small, so that the first networks come soon.
    """
    limit = 0
    gathered: list[Wanted] = []
    for network in wanted:
        if gathered and not _fits(gathered, network.place, limit):
            yield Span(gathered)
            limit, gathered = min(max(2 * limit, 1 << 20), SPAN), []
        gathered.append(network)
    if gathered:
        yield Span(gathered)


def _fits(gathered: Sequence[Wanted], place: ByteRange, limit: int) -> bool:
    first, last = gathered[0].place, gathered[-1].place
    return (
        place.shard == last.shard
        and 0 <= place.offset - last.stop <= GAP
        and place.stop - first.offset <= limit
    )


@final
class _Cutter:
    """Cuts a stream of bytes into parts."""

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
        """Come to the end of the stream, or its connection could not be used again."""
        for _ in self._pieces:
            pass


def _read(storage: Storage, span: Span, zoo: str) -> list[Weights]:
    """Each network is checked as soon as it has come, while its bytes are in the cache."""
    read: list[Weights] = []
    position = span.start
    stream = _Cutter(storage.stream(span.wanted[0].place.shard, span.start, span.length))
    try:
        for network in span.wanted:
            stream.take(network.place.offset - position)
            position = network.place.stop
            read.append(_checked(storage, network, stream.take(network.place.length), zoo))
        stream.end()
    except CorruptZooError as fault:
        return [Weights(network.id, {}, fault) for network in span.wanted]
    return read


def _checked(storage: Storage, wanted: Wanted, content: bytes, zoo: str) -> Weights:
    """The tensors in what was read; it is read once more if it is not what it should be."""
    place = wanted.place
    what = f"{zoo}: network {wanted.id}"
    try:
        if _fault(wanted, content):
            content = b"".join(
                storage.stream(place.shard, place.offset, place.length, refetch=True)
            )
        if fault := _fault(wanted, content):
            raise CorruptZooError(f"{what} {fault}, read twice; fetch or publish the zoo again")
        return Weights(wanted.id, weights.from_bytes(content, what))
    except CorruptZooError as error:
        return Weights(wanted.id, {}, error)


def _fault(wanted: Wanted, content: bytes) -> str | None:
    place = wanted.place
    if len(content) != place.length:
        return f"ends in {place.shard} after {len(content)} of {place.length} bytes"
    if (found := sha256(content)) != wanted.sha256:
        return f"has sha256 {found[:12]}… in {place.shard} instead of {wanted.sha256[:12]}…"
    return None
