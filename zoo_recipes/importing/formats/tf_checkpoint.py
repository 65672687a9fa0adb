"""TensorFlow's V2 checkpoints: an index (a sorted table of protocol buffers) over raw arrays.

tensorflow/core/protobuf/tensor_bundle.proto has the messages, tensorflow/core/framework/types.proto
the numbers of types.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from demogen.errors import ArchiveError
from zoo_recipes.importing.formats import protobuf
from zoo_recipes.importing.formats.archives import Archive
from zoo_recipes.importing.formats.crc32c import crc32c, joined, masked, unmasked
from zoo_recipes.importing.formats.sorted_table import entries
from zoo_recipes.importing.memory import Memory

DTYPES = {
    number: np.dtype(name)
    for number, name in {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 6: "i1", 9: "<i8", 10: "?"}.items()
}

INDEX_LIMIT = 64 << 20
DATA_LIMIT = 8 << 30
MOST_SHARDS = 10_000
MOST_DIMENSIONS = 16

_CRC_KEY = bytes([6 << 3 | 5])
"""What comes before a CRC: field 6, of four bytes."""

_MOST_KEPT = 256
"""Bytes of an entry that is kept, to be known again: those of real networks have a few dozen."""


class Entry(NamedTuple):
    """Where one variable lies, and what it is."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool


@dataclass(frozen=True)
class Index:
    """The index of a checkpoint: variables by name, and how many data files there are."""

    shards: int
    entries: Mapping[str, Entry]


def read_index(content: bytes) -> Index:
    """The .index file of a checkpoint.

    Raises:
        ArchiveError: it is none, or damaged.
    """
    shards, found = 1, {}
    for key, value in entries(content):
        if not key:
            header = dict(protobuf.fields(value))
            shards = protobuf.integer(header.get(1, 1))
            if protobuf.integer(header.get(2, 0)):
                raise ArchiveError("the checkpoint is big-endian; it cannot be read here")
        else:
            found[protobuf.text(key)] = _entry(value)
    if not found or not 0 < shards <= MOST_SHARDS:
        raise ArchiveError("the index of the checkpoint names no variable")
    return Index(shards, found)


def read_variables(
    archive: Archive, prefix: str, index: Index, names: list[str], memory: Memory
) -> dict[str, Any]:
    """Variables of a checkpoint, each checked by its CRC; views of the files' bytes.

    Args:
        archive: holds it.
        prefix: name of the checkpoint, without ".index".
        index: of the checkpoint.
        names: which variables.
        memory: files are read into it, by their numbers.

    Raises:
        ArchiveError: a file is missing or cut, or a variable is damaged or of a type unknown here.
    """
    data: dict[int, memoryview] = {}
    contents: dict[str, memoryview] = {}
    variables = {}
    for name in names:
        entry = index.entries[name]
        if entry.sliced:
            raise ArchiveError(f"variable {name} is stored in slices; they are not read here")
        if entry.dtype not in DTYPES:
            raise ArchiveError(f"variable {name} is of TensorFlow's type {entry.dtype}")
        dtype = DTYPES[entry.dtype]
        if entry.size != math.prod(entry.shape) * dtype.itemsize:
            raise ArchiveError(
                f"variable {name} takes {entry.size:,} bytes, not those of shape {entry.shape}"
            )
        if not 0 <= entry.shard < index.shards:
            raise ArchiveError(f"variable {name} lies in file {entry.shard} of {index.shards}")
        if entry.shard not in data:
            file = f"{prefix}.data-{entry.shard:05}-of-{index.shards:05}"
            place = partial(memory.piece, entry.shard)
            data[entry.shard] = archive.read_into(file, DATA_LIMIT, place)
        content = data[entry.shard][entry.offset : entry.offset + entry.size]
        if len(content) != entry.size:
            raise ArchiveError(
                f"the data file of the checkpoint is cut: {name} lies behind its end"
            )
        contents[name] = content
        variables[name] = np.frombuffer(content, dtype).reshape(entry.shape)
    _check_sums(contents, index)
    return variables


def _check_sums(contents: Mapping[str, memoryview], index: Index) -> None:
    """Compare the CRCs of variables with those that the index has, at once.

    The CRC of all of them in a row follows from those of each, and one long CRC takes a fraction of
    the time of many. Only where it is wrong is each looked at.
    """
    expected = 0
    for name, content in contents.items():
        expected = joined(expected, unmasked(index.entries[name].crc), len(content))
    if crc32c(*contents.values()) == expected:
        return
    for name, content in contents.items():
        if masked(crc32c(content)) != index.entries[name].crc:
            raise ArchiveError(f"variable {name} is damaged: its checksum is another")


def _entry(message: bytes) -> Entry:
    """What an entry says; of networks of one architecture only the CRC at its end differs."""
    if len(message) <= _MOST_KEPT and message[-5:-4] == _CRC_KEY:
        with suppress(ArchiveError):
            # Where all before it is whole, the last five bytes are this field.
            plain = _plain_entry(message[:-5])
            return plain._replace(crc=int.from_bytes(message[-4:], "little"))
    return _plain_entry(message)


@lru_cache(maxsize=4096)
def _plain_entry(message: bytes) -> Entry:
    numbers = {3: 0, 4: 0, 5: 0, 6: 0, 1: 0}
    shape: tuple[int, ...] = ()
    sliced = False
    for number, value in protobuf.fields(message):
        if number == 2:
            shape = tensor_shape(protobuf.bytes_of(value))
        elif number == 7:
            sliced = True
        elif number in numbers:
            numbers[number] = protobuf.integer(value)
    return Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], numbers[6], sliced)


@lru_cache(maxsize=1024)
def tensor_shape(message: bytes) -> tuple[int, ...]:
    """A TensorShapeProto.

    Raises:
        ArchiveError: a side is unknown, or there are too many.
    """
    sizes = []
    for number, value in protobuf.fields(message):
        if number == 2:
            dimension = dict(protobuf.fields(protobuf.bytes_of(value)))
            sizes.append(protobuf.signed(protobuf.integer(dimension.get(1, 0))))
    if len(sizes) > MOST_DIMENSIONS or any(size < 0 for size in sizes):
        raise ArchiveError(f"no shape of a stored tensor: {sizes}")
    return tuple(sizes)
