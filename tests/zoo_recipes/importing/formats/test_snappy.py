import pytest

from demogen.errors import ArchiveError
from tests.zoo_recipes.importing import writers
from zoo_recipes.importing.formats.snappy import decompress


def test_literals_and_copies():
    assert decompress(writers.snappy_literals(b"abc" * 50), 1000) == b"abc" * 50
    # 3 literals, then a copy of 9 bytes from 3 before (kind 1), which overlaps itself.
    assert decompress(bytes([12, 2 << 2]) + b"abc" + bytes([5 << 2 | 1, 3]), 99) == b"abc" * 4
    # The same with an offset of two bytes (kind 2) and of four (kind 3).
    assert decompress(bytes([12, 2 << 2]) + b"abc" + bytes([8 << 2 | 2, 3, 0]), 99) == b"abc" * 4
    four = bytes([8 << 2 | 3, 3, 0, 0, 0])
    assert decompress(bytes([12, 2 << 2]) + b"abc" + four, 99) == b"abc" * 4
    # A literal whose length takes one more byte.
    assert decompress(bytes([70, 60 << 2, 69]) + b"x" * 70, 99) == b"x" * 70


@pytest.mark.parametrize(
    ("packed", "fault"),
    [
        (bytes([200, 1]), "more than 99"),
        (bytes([4, 2 << 2]) + b"abc", "cut"),
        (bytes([4, 3 << 2]) + b"abc", "cut"),
        (bytes([9, 2 << 2]) + b"abc" + bytes([2 << 2 | 1, 4]), "not there"),
        (bytes([2, 2 << 2]) + b"abc", "more comes out"),
        (b"\xff" * 20, "does not end"),
    ],
)
def test_damaged_ones_are_refused(packed, fault):
    with pytest.raises(ArchiveError, match=fault):
        decompress(packed, 99)
