"""TensorFlow's V2 checkpoints: an index (a sorted table of protocol buffers) over raw arrays.

tensorflow/core/protobuf/tensor_bundle.proto has the messages, tensorflow/core/framework/types.proto
the numbers of types.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from demogen.errors import ArchiveError
from zoo_recipes.importing.formats import protobuf
from zoo_recipes.importing.formats.archives import Archive
from zoo_recipes.importing.formats.crc32c import crc32c, joined, masked, unmasked
from zoo_recipes.importing.formats.sorted_table import entries

DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 6: "i1", 9: "<i8", 10: "?"}

INDEX_LIMIT = 64 << 20
DATA_LIMIT = 8 << 30
MOST_SHARDS = 10_000
MOST_DIMENSIONS = 16


@dataclass(frozen=True)
class Entry:
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


_BEHIND = Entry(0, (), 0, -1, 0, 0, False)
"""Lies behind no other entry."""


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


def read_variables(archive: Archive, prefix: str, index: Index, names: list[str]) -> dict[str, Any]:
    """Variables of a checkpoint, each checked by its CRC; views of the files' bytes.

    Args:
        archive: holds it.
        prefix: name of the checkpoint, without ".index".
        index: of the checkpoint.
        names: which variables.

    Raises:
        ArchiveError: a file is missing or cut, or a variable is damaged or of a type unknown here.
    """
    data: dict[int, bytes] = {}
    sound: set[str] = set()
    variables = {}
    for name in names:
        entry = index.entries[name]
        if entry.sliced:
            raise ArchiveError(f"variable {name} is stored in slices; they are not read here")
        if entry.dtype not in DTYPES:
            raise ArchiveError(f"variable {name} is of TensorFlow's type {entry.dtype}")
        dtype = np.dtype(DTYPES[entry.dtype])
        if entry.size != math.prod(entry.shape) * dtype.itemsize:
            raise ArchiveError(
                f"variable {name} takes {entry.size:,} bytes, not those of shape {entry.shape}"
            )
        if not 0 <= entry.shard < index.shards:
            raise ArchiveError(f"variable {name} lies in file {entry.shard} of {index.shards}")
        if entry.shard not in data:
            file = f"{prefix}.data-{entry.shard:05}-of-{index.shards:05}"
            data[entry.shard] = archive.read(file, DATA_LIMIT)
            sound |= _sound(data[entry.shard], entry.shard, index)
        content = memoryview(data[entry.shard])[entry.offset : entry.offset + entry.size]
        if len(content) != entry.size:
            raise ArchiveError(
                f"the data file of the checkpoint is cut: {name} lies behind its end"
            )
        if name not in sound and masked(crc32c(content)) != entry.crc:
            raise ArchiveError(f"variable {name} is damaged: its checksum is another")
        variables[name] = np.frombuffer(content, dtype).reshape(entry.shape)
    return variables


def _sound(data: bytes, shard: int, index: Index) -> set[str]:
    """Variables whose CRC is right, seen at once: of a run of them that lie one behind the other.

    The CRC of a run follows from those of its parts, and one long CRC takes a fraction of the time
    of many. Of a run that is not right nothing is said.
    """
    listed = sorted(
        (item for item in index.entries.items() if item[1].shard == shard),
        key=lambda item: item[1].offset,
    )
    sound: set[str] = set()
    names: list[str] = []
    start = end = crc = 0
    for name, entry in [*listed, ("", _BEHIND)]:
        if names and entry.offset != end:
            if end <= len(data) and crc32c(memoryview(data)[start:end]) == crc:
                sound.update(names)
            names = []
        if not names:
            start = end = entry.offset
            crc = 0
        crc = joined(crc, unmasked(entry.crc), entry.size) if names else unmasked(entry.crc)
        names.append(name)
        end += entry.size
    return sound


def _entry(message: bytes) -> Entry:
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
