"""CRC-32C (Castagnoli; RFC 3720, appendix B.4), which TensorFlow's files carry, by numpy.

A CRC without its initial value is linear, and zeros before the data do not change it. So the data
is cut into equal lanes that advance together, two bytes a step, and the lanes' values are joined
pairwise: the CRC of A‖B is that of A moved on by |B| zero bytes, plus that of B.

Long data is shortened before. The CRC is the remainder of division by a polynomial P, so it stays
the same if multiples of P are subtracted. One has four terms only, and squaring a polynomial over
GF(2) squares each term alone: x^(na) + x^(nb) + x^(nc) + 1 is a multiple too where n is a power of
two. With n bits in a block, each leading block is thus added to three later ones and is gone. Very
long data goes through one small piece of memory on the way, as fresh memory costs more than sums.
"""

import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_SHORT = 1024
"""Below so many bytes a plain loop is faster."""

_LANE_BYTES = 16
_MULTIPLE = (5275, 4508, 2751)
"""Exponents of a multiple of the polynomial, beside 0: x^5275 + x^4508 + x^2751 + 1."""

_BLOCK_WORDS = 4
"""Words of eight bytes in a block while long data is shortened: larger ones are faster, and leave
more. What is left then is shortened again, by blocks of one word."""

_REST = _MULTIPLE[0] * _BLOCK_WORDS
"""Words that are left of long data."""

_CHUNK = (_MULTIPLE[0] - _MULTIPLE[1]) * _BLOCK_WORDS
"""Leading words that can be added to later ones at once: none of these is among them."""

_ROOM = 14 * _CHUNK
"""Words of long data that are taken at once."""


def crc32c(*contents: Any) -> int:
    """CRC-32C of bytes, or of anything that has them; of several, one behind the other.

    >>> hex(crc32c(b"123456789")), hex(crc32c(b"1234", b"56789"))
    ('0xe3069283', '0xe3069283')
    """
    parts = [np.frombuffer(content, np.uint8) for content in contents if len(content)]
    total = sum(map(len, parts))
    if total < _SHORT:
        return _of_short(b"".join(part.tobytes() for part in parts))
    # The initial value of all ones counts like the first four bytes inverted.
    head = np.concatenate([part[:4] for part in parts[:4]])[:4]
    parts = [head ^ np.uint8(0xFF), *_behind(parts, 4)]
    long = total > 8 * (_ROOM + _REST)
    short = _shortened(_room.shortened(parts, total) if long else np.concatenate(parts))
    lanes = 1 << max(len(short) // _LANE_BYTES, 1).bit_length() - 1
    length = -(-len(short) // lanes)
    length += length % 2
    padded = _padded(short, lanes * length)
    steps = np.ascontiguousarray(padded.view("<u2").reshape(lanes, length // 2).T)
    table = _two_byte_table()
    state = np.zeros(lanes, np.uint32)
    for words in steps:
        state = table[(state ^ words) & 0xFFFF] ^ (state >> 16)
    while len(state) > 1:
        state = _moved(state[0::2], length) ^ state[1::2]
        length *= 2
    return int(state[0]) ^ 0xFFFFFFFF


def _behind(parts: list[Any], count: int) -> list[Any]:
    """The parts without their first bytes."""
    rest = []
    for part in parts:
        rest.append(part[count:])
        count = max(count - len(part), 0)
    return rest


class _Room(threading.local):
    """A thread's memory: what is left of the data so far, and behind it what comes next."""

    def __init__(self) -> None:
        self._words = np.zeros(_REST + _ROOM, np.uint64)
        self._bytes = self._words[_REST:].view(np.uint8)
        self._sums = list(_sums(self._words, _ROOM, _BLOCK_WORDS))

    def shortened(self, parts: list[Any], total: int) -> Any:
        """What is left of long data, `_REST` words of the same remainder.

        Args:
            parts: of the data, arrays of bytes.
            total: bytes of them all.
        """
        size = len(self._bytes)
        place = -total % size
        self._words[:_REST] = 0
        self._bytes[:place] = 0
        for part in parts:
            taken = 0
            while taken < len(part):
                count = min(len(part) - taken, size - place)
                self._bytes[place : place + count] = part[taken : taken + count]
                place, taken = place + count, taken + count
                if place == size:
                    for later, leading in self._sums:
                        np.bitwise_xor(later, leading, out=later)
                    self._words[:_REST] = self._words[_ROOM:]
                    place = 0
        return self._words[:_REST].view(np.uint8)


def _sums(words: Any, count: int, size: int) -> Iterator[tuple[Any, Any]]:
    """(later, leading): which words are to be added to which, so that the first `count` are gone.

    Args:
        words: the data.
        count: how many are to go; `_MULTIPLE[0] * size` more follow them at least.
        size: words in a block.
    """
    farthest, *others = _MULTIPLE
    most = (farthest - others[0]) * size
    for start in range(0, count, most):
        stop = min(start + most, count)
        leading = words[start:stop]
        for distance in (farthest, *(farthest - other for other in others)):
            yield words[start + distance * size : stop + distance * size], leading


_room = _Room()


def _shortened(data: Any) -> Any:
    """Fewer bytes of the same remainder."""
    least = _MULTIPLE[0]
    if len(data) < 16 * least:
        return data
    words = _padded(data, -(-len(data) // 8) * 8).view(np.uint64)
    for later, leading in _sums(words, len(words) - least, 1):
        np.bitwise_xor(later, leading, out=later)
    return words[-least:].view(np.uint8)


def _padded(data: Any, length: int) -> Any:
    """The data with zeros before it."""
    padded = np.zeros(length, np.uint8)
    padded[length - len(data) :] = data
    return padded


def joined(first: int, second: int, length: int) -> int:
    """The CRC of two parts, one behind the other, from those of each.

    Args:
        first: CRC of the first part.
        second: of the second.
        length: bytes of the second.

    >>> hex(joined(crc32c(b"12345"), crc32c(b"6789"), 4))
    '0xe3069283'
    """
    tables = _moving_lists(length)
    moved = tables[0][first & 0xFF] ^ tables[1][first >> 8 & 0xFF]
    return moved ^ tables[2][first >> 16 & 0xFF] ^ tables[3][first >> 24] ^ second


@lru_cache(maxsize=1024)
def _moving_lists(zeros: int) -> list[list[int]]:
    tables: list[list[int]] = _moving_tables(zeros).tolist()
    return tables


def unmasked(stored: int) -> int:
    """What `masked` made a stored value of."""
    rotated = stored - _MASK_DELTA & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def masked(crc: int) -> int:
    """A CRC as it is stored beside the data that it is of: rotated, and a constant added."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _of_short(content: bytes) -> int:
    table, crc = _byte_list(), 0xFFFFFFFF
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@lru_cache(maxsize=1)
def _byte_list() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


@lru_cache(maxsize=1)
def _two_byte_table() -> Any:
    """What two bytes become once they have been shifted out, uint32 (65536,)."""
    table = np.array(_byte_list(), np.uint32)
    first = table[np.arange(65536) & 0xFF] ^ (np.arange(65536, dtype=np.uint32) >> 8)
    return table[first & 0xFF] ^ (first >> 8)


def _moved(state: Any, zeros: int) -> Any:
    """Values moved on by so many zero bytes."""
    tables = _moving_tables(zeros)
    moved = tables[0][state & 0xFF]
    for byte in (1, 2, 3):
        moved = moved ^ tables[byte][state >> np.uint32(8 * byte) & 0xFF]
    return moved


@lru_cache(maxsize=256)
def _moving_tables(zeros: int) -> Any:
    """For each byte of a value, what it becomes after so many zero bytes, uint32 (4, 256)."""
    columns = _matrix_power(zeros)
    tables = np.zeros((4, 256), np.uint32)
    values = np.arange(256)
    for bit in range(32):
        byte, inner = divmod(bit, 8)
        tables[byte] ^= np.where(values >> inner & 1, columns[bit], 0).astype(np.uint32)
    return tables


def _matrix_power(zeros: int) -> Any:
    """The map of `zeros` zero bytes over GF(2): what each of the 32 bits becomes, uint32 (32,)."""
    table = _byte_list()
    power = np.array(
        [table[(1 << bit) & 0xFF] ^ (1 << bit) >> 8 for bit in range(32)], dtype=np.uint32
    )
    result = np.array([1 << bit for bit in range(32)], dtype=np.uint32)
    while zeros:
        if zeros & 1:
            result = _apply(power, result)
        power = _apply(power, power)
        zeros >>= 1
    return result


def _apply(columns: Any, values: Any) -> Any:
    bits = values[:, None] >> np.arange(32, dtype=np.uint32) & 1
    return np.bitwise_xor.reduce(np.where(bits, columns, 0), axis=1).astype(np.uint32)
