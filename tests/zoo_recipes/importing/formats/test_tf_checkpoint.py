from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demogen.errors import ArchiveError
from tests.zoo_recipes.importing import writers
from zoo_recipes.importing.formats.archives import open_archive
from zoo_recipes.importing.formats.tf_checkpoint import read_index, read_variables
from zoo_recipes.importing.memory import Memory

RNG = np.random.default_rng(0)
VARIABLES = {
    **{
        f"net/conv2d_{n}/kernel": RNG.standard_normal((1, 2, 3, n)).astype(np.float32)
        for n in (1, 2, 10)
    },
    "net/conv2d/bias": RNG.standard_normal(7).astype(np.float32),
    "global_step": np.array(3, np.int64),
    "empty": np.zeros((0, 4), np.float32),
}
INDEX, DATA = writers.checkpoint(VARIABLES)


def read(folder, index, data):
    writers.as_folder({"x.index": index, "x.data-00000-of-00001": data}, folder)
    listed = read_index(index)
    return read_variables(open_archive(folder), "x", listed, list(listed.entries), Memory())


@pytest.mark.parametrize("compress", [False, True])
def test_variables_come_back(compress, tmp_path):
    found = read(tmp_path, *writers.checkpoint(VARIABLES, compress=compress))
    assert found.keys() == VARIABLES.keys()
    for name, array in VARIABLES.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_cut_or_garbled_indexes_are_refused(data):
    place = data.draw(st.integers(0, len(INDEX) - 1))
    if data.draw(st.booleans()):
        garbled = INDEX[:place]
    else:
        other = data.draw(st.integers(1, 255))
        garbled = INDEX[:place] + bytes([INDEX[place] ^ other]) + INDEX[place + 1 :]
    # Padding of the footer and the unused block behind it say nothing.
    with suppress(ArchiveError):
        assert read_index(garbled).entries == read_index(INDEX).entries


@pytest.mark.parametrize("place", [0, len(DATA) // 2, len(DATA) - 1])
def test_garbled_or_cut_data_are_refused(place, tmp_path):
    garbled = DATA[:place] + bytes([DATA[place] ^ 4]) + DATA[place + 1 :]
    with pytest.raises(ArchiveError, match=r"variable .* is damaged: its checksum is another"):
        read(tmp_path, INDEX, garbled)
    with pytest.raises(ArchiveError, match="the data file of the checkpoint is cut"):
        read(tmp_path, INDEX, DATA[:place])


def test_what_is_not_taken_is_not_checked(tmp_path):
    names = ["net/conv2d/bias", "net/conv2d_10/kernel"]
    garbled = bytearray(DATA)
    garbled[read_index(INDEX).entries["net/conv2d_2/kernel"].offset] ^= 4
    writers.as_folder({"x.data-00000-of-00001": bytes(garbled)}, tmp_path)
    memory = Memory()
    found = read_variables(open_archive(tmp_path), "x", read_index(INDEX), names, memory)
    for name in names:
        np.testing.assert_array_equal(found[name], VARIABLES[name])
    # The next checkpoint is read into the same memory.
    before = found[names[0]].ctypes.data
    found = read_variables(open_archive(tmp_path), "x", read_index(INDEX), names, memory)
    assert found[names[0]].ctypes.data == before


def test_entries_that_differ_in_the_checksum_alone_are_told_apart():
    shape = writers.field(2, writers.shape_proto((3,)))
    entry = writers.field(1, 1) + shape + writers.field(4, 5) + writers.field(5, 12)
    messages = [
        entry + writers.fixed32(6, 1),
        entry + writers.fixed32(6, 2),
        entry,
        # Its last bytes look like a checksum, and are the size.
        writers.field(1, 1) + writers.field(5, 53 << 28 | 1),
        entry + writers.fixed32(6, 1) + writers.field(7, b""),
        entry + writers.fixed32(6, 3) * 80,
    ]
    names = [f"v{number}".encode() for number in range(len(messages))]
    table = [(b"", writers.field(1, 1)), *zip(names, messages, strict=True)]
    found = read_index(writers.sorted_table(table)).entries.values()
    assert [entry.crc for entry in found] == [1, 2, 0, 0, 1, 3]
    assert [entry.sliced for entry in found] == [False] * 4 + [True, False]
    assert [entry.shape for entry in found] == [(3,), (3,), (3,), (), (3,), (3,)]


def test_a_missing_data_file_is_named(tmp_path):
    with pytest.raises(ArchiveError, match=r"x\.data-00000-of-00001 is missing"):
        read_variables(open_archive(tmp_path), "x", read_index(INDEX), ["global_step"], Memory())


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (writers.field(1, 7) + writers.field(5, 4), "of TensorFlow's type 7"),
        (writers.field(1, 1) + writers.field(5, 8), r"not those of shape \(\)"),
        (writers.field(1, 1) + writers.field(3, 5) + writers.field(5, 4), "file 5 of 1"),
        (writers.field(1, 1) + writers.field(7, b"") + writers.field(5, 4), "in slices"),
    ],
)
def test_what_is_not_read_here_says_so(entry, fault, tmp_path):
    index = writers.sorted_table([(b"", writers.field(1, 1)), (b"v", entry)])
    with pytest.raises(ArchiveError, match=fault):
        read(tmp_path, index, bytes(8))
