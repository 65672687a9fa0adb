"""Sorted tables of keys and values as LevelDB and TensorFlow write them (leveldb table_format.md).

A footer names the index block, which names the data blocks. In a block, each key is written as the
length of what it shares with the key before it, and the rest.
"""

from collections.abc import Iterator

from demogen.errors import ArchiveError
from zoo_recipes.importing.formats.crc32c import crc32c, masked
from zoo_recipes.importing.formats.protobuf import varint
from zoo_recipes.importing.formats.snappy import decompress

_FOOTER = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
_TRAILER = 5
_PLAIN, _SNAPPY = 0, 1
_BLOCK_LIMIT = 64 << 20


def entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values, in order; every block is checked by its CRC.

    Raises:
        ArchiveError: it is no such table, or it is cut or damaged.
    """
    if len(table) < _FOOTER or table[-8:] != _MAGIC:
        raise ArchiveError("no sorted table: its last bytes are others, or it is cut")
    footer = table[-_FOOTER:]
    _, place = _handle(footer, 0)
    index, _ = _handle(footer, place)
    for _, handle in _block_entries(_block(table, index)):
        yield from _block_entries(_block(table, _handle(handle, 0)[0]))


def _handle(content: bytes, place: int) -> tuple[tuple[int, int], int]:
    offset, place = varint(content, place)
    size, place = varint(content, place)
    return (offset, size), place


def _block(table: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    content = table[offset : offset + size + _TRAILER]
    if len(content) != size + _TRAILER or size < 4:
        raise ArchiveError("a sorted table is cut")
    stored = int.from_bytes(content[-4:], "little")
    if masked(crc32c(content[:-4])) != stored:
        raise ArchiveError("a block of a sorted table is damaged: its checksum is another")
    kind = content[size]
    if kind == _SNAPPY:
        return decompress(content[:size], _BLOCK_LIMIT)
    if kind != _PLAIN:
        raise ArchiveError(f"a block of a sorted table is compressed in an unknown way ({kind})")
    return content[:size]


def _block_entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise ArchiveError("a block of a sorted table is damaged")
    key, place = b"", 0
    while place < end:
        # Mostly each of the three is one byte.
        lengths = block[place : place + 3]
        if len(lengths) == 3 and max(lengths) < 0x80:
            (shared, added, length), place = lengths, place + 3
        else:
            shared, place = varint(block, place)
            added, place = varint(block, place)
            length, place = varint(block, place)
        if shared > len(key) or place + added + length > end:
            raise ArchiveError("a block of a sorted table is damaged")
        key = key[:shared] + block[place : place + added]
        place += added
        yield key, block[place : place + length]
        place += length
