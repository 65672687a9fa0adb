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


@pytest.mark.parametrize("length", [1024, 1025, 84_399, 84_400, 84_405, 700_001])
def test_every_way_of_shortening_gives_the_same(length, monkeypatch):
    content = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    plain = module._of_short(content)
    assert crc32c(content) == plain
    monkeypatch.setattr(module, "_BLOCKS", (8,))
    assert crc32c(content) == plain
    monkeypatch.setattr(module, "_BLOCKS", ())
    assert crc32c(content) == plain
