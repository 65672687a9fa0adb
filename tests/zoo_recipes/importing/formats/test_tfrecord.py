import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demogen.errors import ArchiveError
from tests.zoo_recipes.importing import writers
from tests.zoo_recipes.importing.foreign import FOLDER, at_hand
from zoo_recipes.importing.formats.tfrecord import example, records, tensor

IMAGE = np.arange(12, dtype=np.float32).reshape(2, 2, 3)


def record(*, listed=False):
    inputs = writers.tensor_proto(IMAGE, listed=listed)
    output = writers.tensor_proto(np.array(3, np.int32), listed=listed)
    return writers.example_proto(inputs=inputs, output=output)


@pytest.mark.parametrize("listed", [False, True])
def test_tensors_come_back(listed):
    found = list(records(io.BytesIO(writers.tfrecords([record(listed=listed)] * 2))))
    assert len(found) == 2
    features = example(found[1])
    np.testing.assert_array_equal(tensor(features["inputs"]), IMAGE)
    assert tensor(features["output"]) == 3
    assert tensor(features["output"]).dtype == np.int32


def test_values_that_repeat_are_written_once():
    head = writers.field(1, writers.FLOAT) + writers.field(2, writers.shape_proto((2, 2)))
    assert tensor(head).tolist() == [[0, 0], [0, 0]]
    two = np.array([1, 2], np.float32).tobytes()
    assert tensor(head + writers.field(5, two)).tolist() == [[1, 2], [2, 2]]
    negative = writers.field(1, writers.INT32) + writers.field(2, b"") + writers.field(7, -5)
    assert tensor(negative) == -5


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_cut_or_garbled_files_are_refused(data):
    whole = writers.tfrecords([record()] * 2)
    place = data.draw(st.integers(1, len(whole) - 1))
    if data.draw(st.booleans()):
        garbled = whole[:place]
    else:
        garbled = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))])
        garbled += whole[place + 1 :]
    if len(garbled) == len(whole) // 2:
        return
    with pytest.raises(ArchiveError):
        list(records(io.BytesIO(garbled)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_an_archive_error(content):
    for read in (tensor, example):
        with suppress(ArchiveError):
            read(content)


def test_a_number_wider_than_its_field_is_refused():
    wide = b"\x29" + (1 << 56).to_bytes(8, "little")  # Eight bytes under the number of float32.
    with pytest.raises(ArchiveError, match="a number of a tensor does not fit its type"):
        tensor(wide)


def test_an_empty_list_is_none():
    head = writers.field(1, writers.FLOAT) + writers.field(2, writers.shape_proto((2, 3)))
    assert tensor(head + writers.field(5, b"")).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_numbers_of_another_type_are_refused():
    half = np.array([0.5], np.float32).tobytes()
    with pytest.raises(ArchiveError, match="int32 holds numbers that are none of that type"):
        tensor(writers.field(1, writers.INT32) + writers.field(5, half))


def test_a_tensor_that_would_be_huge_is_refused():
    shape = writers.shape_proto((1 << 20, 1 << 20))
    with pytest.raises(ArchiveError, match="has 1 values"):
        tensor(writers.field(1, writers.FLOAT) + writers.field(2, shape))


@at_hand
@pytest.mark.parametrize("part", ["train", "test"])
def test_the_competitions_own_records(part):
    known = np.load(FOLDER / "pgdl_toy/logits.npz")
    found = {"x": [], "y": []}
    for path in sorted((FOLDER / "pgdl_toy/dataset_1" / part).glob("*.tfrecord")):
        with path.open("rb") as file:
            for one in map(example, records(file)):
                found["x"].append(tensor(one["inputs"]).tolist())
                found["y"].append(int(tensor(one["output"])))
    pairs = sorted(zip(found["x"], found["y"], strict=True))
    wanted = zip(known[f"{part}_x"].tolist(), known[f"{part}_y"].tolist(), strict=True)
    assert pairs == sorted(wanted)
