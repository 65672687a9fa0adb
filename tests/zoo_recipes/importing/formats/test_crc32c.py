from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.zoo_recipes.importing import writers
from zoo_recipes.importing.formats import crc32c as module
from zoo_recipes.importing.formats.crc32c import crc32c, masked


def test_the_published_values():
    # RFC 3720, appendix B.4.
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=4000))
def test_it_is_what_the_definition_gives(content):
    assert crc32c(content) == writers.plain_crc32c(content)
    assert masked(crc32c(content)) == writers.masked(content)


LONG = 8 * (module._ROOM + module._REST)
LENGTHS = [1024, 1025, 84_399, 84_400, 84_405, LONG, LONG + 1, 3 * 8 * module._ROOM, 1_700_001]


@pytest.mark.parametrize("length", LENGTHS)
def test_every_way_of_shortening_gives_the_same(length):
    content = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    plain = module._of_short(content)
    # Twice: what was left of other data does not count.
    assert crc32c(content) == plain
    assert crc32c(content) == plain
    changed = bytearray(content)
    changed[length // 3] ^= 4
    assert crc32c(changed) != plain


@pytest.mark.parametrize("cuts", [(1, 2, 3), (3,), (5, 5, 700_000), (1, 1_000_000)])
def test_parts_are_as_one(cuts):
    content = np.random.default_rng(0).integers(0, 256, 1_500_000, np.uint8).tobytes()
    edges = [0, *cuts, len(content)]
    parts = [content[start:end] for start, end in pairwise(edges)]
    assert crc32c(*parts) == crc32c(content) == module._of_short(content)


def test_nothing_has_one():
    assert crc32c() == crc32c(b"") == writers.plain_crc32c(b"")
