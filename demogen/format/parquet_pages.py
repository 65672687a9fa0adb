"""The heads of a Parquet file's pages: what its reader will take memory for, before it does.

A head is a struct in Thrift's compact protocol, as parquet.thrift of the format's specification has
it: `PageHeader`, whose fields are numbered here. Readers make buffers of the sizes that it names,
and no decompressor writes beyond them.
"""

from dataclasses import dataclass
from typing import Any, BinaryIO

from demogen._util.limits import PARQUET_PAGES


class ParquetError(ValueError):
    """A file is no Parquet file that is read here; the message says why, without naming it."""


@dataclass
class Budget:
    """What is left of the bytes and the pages that a file may have."""

    bytes: int
    pages: int = PARQUET_PAGES

    def take(self, count: int) -> None:
        """One page more, of so many bytes in memory.

        Raises:
            ParquetError: that is too much.
        """
        self.bytes -= count
        self.pages -= 1
        if self.bytes < 0:
            raise ParquetError("would take more memory than any such file of its size")
        if self.pages < 0:
            raise ParquetError(f"has more than {PARQUET_PAGES:,} pages")


@dataclass(frozen=True)
class Chunk:
    """What the file says of a column in a row group: where its pages lie, and what they hold.

    `width` is what a value takes in memory, in bytes, beside a text itself.
    """

    start: int
    length: int
    values: int
    rows: int
    width: int


_DATA, _INDEX, _DICTIONARY, _DATA_V2 = range(4)
_DETAILS = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}
"""Kind of page → the field of its head that describes it."""

_ENCODING = {_DATA: 2, _DICTIONARY: 2, _DATA_V2: 4}
"""Kind of page → the field of that description that holds the encoding."""

_FRONT_COMPRESSED = 7
"""Each text as what it shares with the one before: a short page of long texts."""

_SHORT_HEAD, _LONG_HEAD = 1 << 12, 1 << 20
_MOST_LEVELS = 8


def check_pages(file: BinaryIO, chunk: Chunk, budget: Budget) -> int:
    """Look at the heads of a column's pages.

    Args:
        file: open for reading.
        chunk: where they are, and how many values they are said to have.
        budget: what they may take; what they do is taken off.

    Returns:
        Size of the largest dictionary.

    Raises:
        ParquetError: the budget is exceeded, or the pages are not what the file says.
    """
    place, end = chunk.start, chunk.start + chunk.length
    values = largest = 0
    if chunk.start < 0 or chunk.length < 0:
        raise ParquetError("cannot be read as a Parquet file (a column lies outside it)")
    while place < end:
        head, length = _head(file, place)
        kind, unpacked, packed = (_whole(head, field) for field in (1, 2, 3))
        place += length + packed
        if kind == _INDEX:
            continue
        details = head.get(_DETAILS.get(kind, 0))
        if not isinstance(details, dict):
            raise ParquetError("cannot be read as a Parquet file (a page is of no known kind)")
        count, encoding = _whole(details, 1), _whole(details, _ENCODING[kind])
        if encoding == _FRONT_COMPRESSED:
            raise ParquetError("is written in an encoding (DELTA_BYTE_ARRAY) that is not read here")
        budget.take(unpacked + count * chunk.width)
        if kind == _DICTIONARY:
            largest = max(largest, unpacked)
        else:
            values += count
    if values != chunk.values or chunk.rows > values:
        fault = "a column has more or fewer values than it says"
        raise ParquetError(f"cannot be read as a Parquet file ({fault})")
    return largest


def _whole(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if type(value) is not int or value < 0:
        raise ParquetError("cannot be read as a Parquet file (the head of a page is damaged)")
    return value


def _head(file: BinaryIO, place: int) -> tuple[dict[int, Any], int]:
    """The fields of the head that begins there, and its length."""
    for size in (_SHORT_HEAD, _LONG_HEAD):
        file.seek(place)
        reader = _Compact(file.read(size))
        try:
            return reader.struct(), reader.place
        except IndexError:
            continue
    raise ParquetError("cannot be read as a Parquet file (the head of a page is damaged)")


class _Compact:
    """Thrift's compact protocol, read from bytes; an IndexError where they end too early."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.place = 0

    def struct(self, level: int = 0) -> dict[int, Any]:
        """Field → value; of structs, lists and texts likewise what they hold."""
        if level > _MOST_LEVELS:
            raise ParquetError("cannot be read as a Parquet file (the head of a page is damaged)")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            number = number + step if step else self._signed()
            fields[number] = self._value(kind, level)
        return fields

    def _value(self, kind: int, level: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._signed()
            case 7:
                return self._take(8)
            case 8:
                return self._take(self._unsigned())
            case 9 | 10:
                return self._list(level)
            case 12:
                return self.struct(level + 1)
        raise ParquetError("cannot be read as a Parquet file (the head of a page is damaged)")

    def _list(self, level: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._unsigned()
        # A truth value takes a byte in a list, and none as a field.
        kind = 3 if head & 15 in (1, 2) else head & 15
        if count > len(self._content):
            raise IndexError(count)
        return [self._value(kind, level + 1) for _ in range(count)]

    def _byte(self) -> int:
        self.place += 1
        return self._content[self.place - 1]

    def _take(self, length: int) -> bytes:
        self.place += length
        if self.place > len(self._content):
            raise IndexError(length)
        return self._content[self.place - length : self.place]

    def _unsigned(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ParquetError("cannot be read as a Parquet file (the head of a page is damaged)")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
