"""Image sets that came with networks, written and read again; and sets known by name alone."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demogen.errors import ZooError
from demogen.images import image_set, own_sets
from demogen.images.image_set import load_images
from demogen.schema.image_sets import IMAGE_SETS, ImageSetFacts
from demogen.schema.records import Data
from tests.demogen.images.test_parquet import TEST, TRAIN, cells, made, save

RNG = np.random.default_rng(0)


def arrays(kind=np.float32, shape=(2, 3, 4)):
    images = RNG.standard_normal((9, *shape)).astype(kind)
    labels = np.arange(9) % 3
    return {
        "train_images": images[:6],
        "train_labels": labels[:6],
        "test_images": images[6:],
        "test_labels": labels[6:],
    }


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_what_was_written_is_read(kind, tmp_path):
    wanted = arrays(kind)
    own_sets.write("mine", tmp_path, wanted, 4)
    found = load_images("mine", tmp_path)
    assert found.classes == 4
    assert found.train.images.numpy().dtype == kind
    for part, stored in (("train", found.train), ("test", found.test)):
        pairs = zip(wanted[f"{part}_images"], wanted[f"{part}_labels"], strict=True)
        keys = {(image.tobytes(), int(label)) for image, label in pairs}
        there = zip(stored.images.numpy(), stored.labels.tolist(), strict=True)
        assert {(image.tobytes(), label) for image, label in there} == keys
    data = Data(images="mine", shape=(2, 3, 4), classes=4, standardization="none")
    assert found.inputs(found.test.images, data).equal(found.test.images.float())


def test_many_images_of_few_levels_are_read(tmp_path):
    """As MNIST's: a number is a byte in memory, though Parquet calls it a whole word."""
    images = np.zeros((50_000, 1, 28, 28), np.uint8)
    images[:, 0, 0, 0] = np.arange(50_000) % 256
    labels = np.zeros(50_000, np.int64)
    wanted = {"train_images": images, "train_labels": labels}
    wanted |= {"test_images": images[:5], "test_labels": labels[:5]}
    own_sets.write("mine", tmp_path, wanted, 1)
    found, classes = own_sets.read("mine", own_sets.find("mine", tmp_path))
    assert classes == 1
    np.testing.assert_array_equal(found["train_images"], images)


def test_order_does_not_change_the_digest_and_writing_anew_is_seen(tmp_path):
    wanted = arrays()
    own_sets.write("mine", tmp_path, wanted, 3)
    before = load_images("mine", tmp_path).digest
    reverse = {name: np.ascontiguousarray(array[::-1]) for name, array in wanted.items()}
    own_sets.write("mine", tmp_path, reverse, 3)
    assert load_images("mine", tmp_path).digest == before
    own_sets.write("mine", tmp_path, {**wanted, "test_images": wanted["test_images"] + 1}, 3)
    assert load_images("mine", tmp_path).digest != before


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({}, "does not say what images it holds"),
        ({"shape": [2, 3, 5], "classes": 3}, "does not hold the images that it says"),
        ({"shape": [24], "classes": 3}, "does not hold the images that it says"),
        ({"shape": [2, 3, 4], "classes": 2}, "labels that are none of 2 classes"),
    ],
)
def test_files_that_say_something_else_are_refused(facts, fault, tmp_path):
    own_sets.write("mine", tmp_path, arrays(), 3)
    for path in (tmp_path / "mine").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({b"demogen": json.dumps(facts)}), path)
    with pytest.raises(ZooError, match=fault):
        load_images("mine", tmp_path)


@settings(max_examples=10, deadline=None)
@given(share=st.floats(0, 0.99))
def test_cut_files_are_refused(share, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    own_sets.write("mine", folder, arrays(), 3)
    path = folder / "mine/test-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ZooError, match="cannot be read as a Parquet file"):
        load_images("mine", folder)


def test_an_unknown_name_is_still_one_line(tmp_path):
    with pytest.raises(ZooError, match="no image set 'mnits'; did you mean 'mnist'"):
        load_images("mnits", tmp_path)
    with pytest.raises(ZooError, match="no image set"):
        load_images("../mnist", tmp_path)


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path / "home"))
    for name in ("svhn", "usps"):
        facts = {**vars(IMAGE_SETS[name]), "train_size": TRAIN, "test_size": TEST}
        monkeypatch.setitem(IMAGE_SETS, name, ImageSetFacts(**facts))
    image_set._load.cache_clear()
    yield
    image_set._load.cache_clear()


@pytest.mark.parametrize("name", ["svhn", "usps"])
def test_sets_that_torchvision_is_not_asked_for(name, small, tmp_path):
    with pytest.raises(
        ZooError, match=rf"expected {name}/train-\*.parquet and .*/test-\*.parquet$"
    ):
        load_images(name, tmp_path)
    images, labels = made(name)
    table = pa.table({"image": cells(images), "label": labels})
    # The Hub's folder of the configuration stays when a repository is fetched.
    place = tmp_path / name / (IMAGE_SETS[name].configuration or "plain_text")
    save(place, table[:TRAIN], table[TRAIN:])
    assert len(load_images(name, tmp_path).test) == TEST
