"""TFRecords of Examples whose features are serialized tensors.

A record is its length (8 bytes), the length's masked CRC, the bytes, and their masked CRC.
tensorflow/core/example/example.proto and tensorflow/core/framework/tensor.proto have the messages.
"""

import math
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from demogen.errors import ArchiveError
from zoo_recipes.importing.formats import protobuf
from zoo_recipes.importing.formats.crc32c import crc32c, masked
from zoo_recipes.importing.formats.tf_checkpoint import DTYPES, tensor_shape

RECORD_LIMIT = 256 << 20
_FLOATS, _DOUBLES, _INTS, _INT64S, _BOOLS = 5, 6, 7, 10, 11
"""Numbers of TensorProto's fields for values that are not in tensor_content."""


def records(file: IO[bytes]) -> Iterator[bytes]:
    """The records of a file, each checked by its CRCs.

    Raises:
        ArchiveError: the file is cut or damaged, or it is none of records.
    """
    while head := file.read(12):
        if len(head) != 12 or masked(crc32c(head[:8])) != int.from_bytes(head[8:], "little"):
            raise ArchiveError("no record where one should begin: the file is cut or damaged")
        length = int.from_bytes(head[:8], "little")
        if length > RECORD_LIMIT:
            raise ArchiveError(f"a record of {length:,} bytes is too large")
        content = file.read(length)
        stored = file.read(4)
        if len(content) != length or len(stored) != 4:
            raise ArchiveError("the last record is cut")
        if masked(crc32c(content)) != int.from_bytes(stored, "little"):
            raise ArchiveError("a record is damaged: its checksum is another")
        yield content


def example(record: bytes) -> dict[str, bytes]:
    """The features of an Example that hold bytes: name → the first of them.

    Raises:
        ArchiveError: it is no Example.
    """
    found = {}
    for number, features in protobuf.fields(record):
        if number != 1:
            continue
        for _, feature in protobuf.fields(protobuf.bytes_of(features)):
            pair = dict(protobuf.fields(protobuf.bytes_of(feature)))
            name = protobuf.text(pair.get(1, b""))
            values = dict(protobuf.fields(protobuf.bytes_of(pair.get(2, b""))))
            if 1 in values:
                listed = [v for n, v in protobuf.fields(protobuf.bytes_of(values[1])) if n == 1]
                if listed:
                    found[name] = protobuf.bytes_of(listed[0])
    return found


def tensor(message: bytes) -> Any:
    """A TensorProto as an array; its numbers may stand in tensor_content or one by one.

    Raises:
        ArchiveError: it is none, of a type unknown here, or has another count than its shape.
    """
    dtype, content = 0, b""
    shape: tuple[int, ...] = ()
    values: list[Any] = []
    for number, value in protobuf.fields(message):
        if number == 1:
            dtype = protobuf.integer(value)
        elif number == 2:
            shape = tensor_shape(protobuf.bytes_of(value))
        elif number == 4:
            content = protobuf.bytes_of(value)
        elif number in (_FLOATS, _DOUBLES, _INTS, _INT64S, _BOOLS):
            values.append(_numbers(number, value))
    if dtype not in DTYPES:
        raise ArchiveError(f"a tensor of TensorFlow's type {dtype}")
    kind, count = np.dtype(DTYPES[dtype]), math.prod(shape)
    if content:
        if len(content) != count * kind.itemsize:
            raise ArchiveError(f"a tensor of shape {shape} has {len(content)} bytes")
        return np.frombuffer(content, kind).reshape(shape)
    listed = np.concatenate(values) if any(map(len, values)) else np.zeros(1)
    # TensorFlow writes a value that repeats to the end only once; none at all are zeros.
    if len(listed) > count or count > RECORD_LIMIT:
        raise ArchiveError(f"a tensor of shape {shape} has {len(listed)} values")
    with np.errstate(all="ignore"):
        fitting = listed.astype(kind)
    if kind.kind in "iu" and not np.array_equal(fitting, listed):
        raise ArchiveError(f"a tensor of {kind.name} holds numbers that are none of that type")
    return np.concatenate([fitting, np.repeat(fitting[-1:], count - len(fitting))]).reshape(shape)


def _numbers(number: int, value: int | bytes) -> Any:
    """The values of one field: packed, or one of them."""
    if number in (_FLOATS, _DOUBLES):
        kind = "<f4" if number == _FLOATS else "<f8"
        size = np.dtype(kind).itemsize
        if isinstance(value, int):
            # A fixed-size field holds that many bytes; a varint under its number may hold more.
            if value >= 1 << (8 * size):
                raise ArchiveError("a number of a tensor does not fit its type")
            value = value.to_bytes(size, "little")
        if len(value) % size:
            raise ArchiveError("the numbers of a tensor are cut")
        content = value
        return np.frombuffer(content, kind)
    if isinstance(value, int):
        return np.array([protobuf.signed(value)])
    listed, place = [], 0
    while place < len(value):
        one, place = protobuf.varint(value, place)
        listed.append(protobuf.signed(one))
    return np.array(listed, dtype=np.int64)
