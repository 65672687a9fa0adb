"""Snappy's raw format (google/snappy, format_description.txt), decompression alone."""

from demogen.errors import ArchiveError
from zoo_recipes.importing.formats.protobuf import varint


def decompress(packed: bytes, limit: int) -> bytes:
    """What was compressed.

    Args:
        packed: in the raw format, without frames.
        limit: bytes that may come out.

    Raises:
        ArchiveError: it is damaged, or more comes out.
    """
    length, place = varint(packed, 0)
    if length > limit:
        raise ArchiveError(f"{length:,} compressed bytes are more than {limit:,}")
    unpacked = bytearray()
    while place < len(packed):
        tag = packed[place]
        place += 1
        if tag & 3 == 0:
            count = (tag >> 2) + 1
            if count > 60:
                extra = count - 60
                count = int.from_bytes(packed[place : place + extra], "little") + 1
                place += extra
            literal = packed[place : place + count]
            if len(literal) != count:
                raise ArchiveError("compressed bytes are cut")
            unpacked += literal
            place += count
        else:
            if tag & 3 == 1:
                count, extra = (tag >> 2 & 7) + 4, 1
                high = tag >> 5 << 8
            else:
                count, extra, high = (tag >> 2) + 1, 2 if tag & 3 == 2 else 4, 0
            distance = high + int.from_bytes(packed[place : place + extra], "little")
            place += extra
            if not 0 < distance <= len(unpacked):
                raise ArchiveError("compressed bytes refer to what is not there")
            start = len(unpacked) - distance
            repeated = unpacked[start : start + count]
            # Where the copy overlaps itself, what it has copied is copied again.
            while len(repeated) < count:
                repeated += repeated[: count - len(repeated)]
            unpacked += repeated
        if len(unpacked) > length:
            raise ArchiveError("more comes out of compressed bytes than they say")
    if len(unpacked) != length:
        raise ArchiveError("compressed bytes are cut")
    return bytes(unpacked)
