"""The wire format of protocol buffers, read without any schema: fields by number."""

from collections.abc import Iterator

from demogen.errors import ArchiveError

Field = tuple[int, int | bytes]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> Iterator[Field]:
    """(number, value) of each field in order; a value is an integer, or bytes.

    Raises:
        ArchiveError: these bytes are no message.
    """
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ArchiveError(f"no protocol buffer: a field of kind {kind}")
        content = message[place : place + length]
        place += length
        if len(content) != length:
            raise ArchiveError("a protocol buffer is cut")
        yield number, content if kind == _BYTES else int.from_bytes(content, "little")


def varint(content: bytes, place: int) -> tuple[int, int]:
    """An integer of variable length, and the place behind it.

    Raises:
        ArchiveError: it does not end.
    """
    value = shift = 0
    while place < len(content) and shift < 70:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, place
        shift += 7
    raise ArchiveError("a number of variable length does not end")


def signed(value: int) -> int:
    """An int32 or int64 field, which is written as 64 bits without a sign."""
    return value - (1 << 64) if value >> 63 else value


def text(value: int | bytes) -> str:
    """A field that holds text.

    Raises:
        ArchiveError: it does not.
    """
    try:
        return bytes_of(value).decode()
    except UnicodeDecodeError as error:
        raise ArchiveError("a protocol buffer holds bytes where text belongs") from error


def bytes_of(value: int | bytes) -> bytes:
    """A field that holds bytes or a message.

    Raises:
        ArchiveError: it holds a number.
    """
    if isinstance(value, int):
        raise ArchiveError("a protocol buffer holds a number where a message belongs")
    return value


def integer(value: int | bytes) -> int:
    """A field that holds a number.

    Raises:
        ArchiveError: it holds bytes.
    """
    if isinstance(value, bytes):
        raise ArchiveError("a protocol buffer holds a message where a number belongs")
    return value
