"""A zoo that contradicts itself is no valid one, though every digest agrees."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load, save

from demogen import load_zoo
from demogen.errors import CorruptZooError
from demogen.format.splits import Split
from demogen.format.table import to_parquet
from demogen.zoo.labels import label_digest
from demogen.zoo.verification import check_split
from tests.demogen.zoo.test_zoo import relist, rewrite_manifest


def say(folder, column, change):
    """Let the table say something else of its third network."""
    path = folder / "networks.parquet"
    rows = pq.read_table(io.BytesIO(path.read_bytes()))
    levels = rows.column(column).to_pylist()
    levels[2] = change(levels[2])
    number = rows.schema.get_field_index(column)
    field = rows.schema.field(column)
    path.write_bytes(to_parquet(rows.set_column(number, field, pa.array(levels, field.type))))
    relist(folder, "networks.parquet")


def test_a_genuine_zoo_passes(tiny_zoo):
    tiny_zoo.verify()


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("gap", lambda level: level + 0.25),
        ("gap", lambda level: float("nan")),
        ("gap", lambda level: None),
        ("width", lambda level: level + 2),
        ("width", lambda level: None),
        ("configuration", lambda level: "0" * 12),
        ("images", lambda level: "cifar10"),
        ("corruption", lambda level: 0.25),
        ("seed", lambda level: level + 1),
        ("copy_number", lambda level: level + 1),
        ("batch_norm", lambda level: not level),
    ],
)
def test_a_column_that_contradicts_the_record_is_named(copied_zoo_folder, column, change):
    say(copied_zoo_folder, column, change)
    zoo = load_zoo(copied_zoo_folder)
    with pytest.raises(
        CorruptZooError, match=f"the table says {column} .* of network {zoo.ids[2]}"
    ):
        zoo.verify(weights=False)


def test_levels_that_are_lists_are_left_out_one_at_a_time():
    lists = [["flip"], [], ["flip"], [], None, None]
    # As a Parquet file gives them back.
    levels = [each if each is None else np.array(each, object) for each in lists]
    table = pd.DataFrame({"augmentation": pd.Series(levels, list("abcdef"))})
    tests = (("a", "c"), ("b", "d"), ("e", "f"))
    split = Split("leave-augmentation-out", "levels", tuple("abcdef"), tests)
    check_split(split, table, "zoo toy")
    mixed = replace(split, tests=(("a", "b", "c", "d"), ("e", "f")))
    with pytest.raises(CorruptZooError, match="tests several levels of augmentation"):
        check_split(mixed, table, "zoo toy")
    parted = replace(split, tests=(("a", "b"), ("c", "d"), ("e", "f")))
    with pytest.raises(CorruptZooError, match="parts networks of one augmentation"):
        check_split(parted, table, "zoo toy")


def test_a_column_that_no_record_has_is_named(copied_zoo_folder):
    path = copied_zoo_folder / "networks.parquet"
    rows = pq.read_table(io.BytesIO(path.read_bytes()))
    path.write_bytes(to_parquet(rows.append_column("luck", pa.array([1.0] * len(rows)))))
    relist(copied_zoo_folder, "networks.parquet")
    with pytest.raises(CorruptZooError, match=r"the table says luck 1\.0 of network"):
        load_zoo(copied_zoo_folder).verify(weights=False)


@pytest.mark.parametrize(
    ("column", "change", "said"),
    [
        ("parameters", lambda level: level + 1, "is said to have .* its architecture has"),
        ("train_accuracy", lambda level: level - 0.003, "no whole number of 100 images"),
        ("test_accuracy", lambda level: level - 0.0001, "no whole number of [0-9]+ images"),
    ],
)
def test_an_outcome_that_cannot_be_is_named(copied_zoo_folder, tiny_zoo, column, change, said):
    say(copied_zoo_folder, column, change)
    record = tiny_zoo.record(tiny_zoo.ids[2])
    told = record.model_copy(update={column: change(getattr(record, column))})
    say(copied_zoo_folder, "gap", lambda _: told.gap)
    zoo = load_zoo(copied_zoo_folder)
    with pytest.raises(CorruptZooError, match=f"network {zoo.ids[2]}.*{said}"):
        zoo.verify()


def change_split(folder, name, change):
    path = folder / "splits" / f"{name}.json"
    content = json.loads(path.read_text())
    change(content["tests"])
    path.write_text(json.dumps(content))
    relist(folder, f"splits/{name}.json")


def swap(tests):
    """Two folds change their first networks."""
    tests[0][0], tests[1][0] = tests[1][0], tests[0][0]


def merge(tests):
    tests[0] += tests.pop()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("grouped-kfold-10", swap, "parts networks of one configuration"),
        ("leave-width-out", swap, "parts networks of one width"),
        ("leave-width-out", merge, "tests several levels of width"),
    ],
)
def test_a_split_that_is_not_what_its_name_says_is_refused(copied_zoo_folder, name, change, said):
    change_split(copied_zoo_folder, name, change)
    with pytest.raises(CorruptZooError, match=f"splits/{name}.json {said}|{name}.json.*{said}"):
        load_zoo(copied_zoo_folder).verify(weights=False)


class TestManifest:
    def test_true_is_no_format_version(self, copied_zoo_folder):
        rewrite_manifest(copied_zoo_folder, format_version=True)
        with pytest.raises(Exception, match="zoo format True is not known here"):
            load_zoo(copied_zoo_folder)

    @pytest.mark.parametrize(
        ("said", "instead"),
        [
            ('{"format_version": 1,', '{"format_version": 1, "format_version": 1,'),
            ('{"format_version": 1,', '{"format_version": 1, "name": "other",'),
            ('"name": "tiny"', '"name": "ti\\ud800ny"'),
        ],
    )
    def test_double_keys_and_surrogates_are_refused(self, copied_zoo_folder, said, instead):
        path = copied_zoo_folder / "zoo.json"
        content = json.loads(path.read_text())
        text = json.dumps({"format_version": 1, **content})
        assert said in text
        path.write_text(text.replace(said, instead, 1))
        with pytest.raises(Exception, match="stands twice|surrogate"):
            load_zoo(copied_zoo_folder)


def change_labels(folder, change):
    path = folder / "labels.safetensors"
    vectors = load(path.read_bytes())
    change(vectors)
    path.write_bytes(save(vectors))
    relist(folder, "labels.safetensors")


def of_others(vectors):
    key = next(iter(vectors))
    vectors[key] = vectors[key].roll(1)


def unused(vectors):
    vectors["f" * 64] = next(iter(vectors.values())).clone()


def floats(vectors):
    key = next(iter(vectors))
    vectors[key] = vectors[key].double()


def square(vectors):
    key = next(iter(vectors))
    vectors[key] = vectors[key].reshape(10, -1)


def negative(vectors):
    labels = next(iter(vectors.values())).clone()
    labels[3] = -1
    vectors[label_digest(labels)] = labels


class TestLabels:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (of_others, "does not have that sha256"),
            (unused, "does not have that sha256"),
            (floats, "not torch.int64 in a row"),
            (square, "not torch.int64 in a row"),
            (negative, "others than classes"),
        ],
    )
    def test_are_checked_by_digest_and_type_before_any_is_used(
        self, copied_zoo_folder, change, said
    ):
        change_labels(copied_zoo_folder, change)
        zoo = load_zoo(copied_zoo_folder)
        with pytest.raises(CorruptZooError, match=said):
            zoo.verify(weights=False)
        corrupted = zoo.table.index[zoo.table["corruption"] == 0.5][0]
        with pytest.raises(CorruptZooError, match=said):
            _ = zoo[corrupted].train

    def test_of_77_are_refused_under_their_own_digest(self, copied_zoo_folder):
        labels = torch.full((100,), 77)
        change_labels(copied_zoo_folder, lambda held: held.update({label_digest(labels): labels}))
        zoo = load_zoo(copied_zoo_folder)
        position = int((zoo.table["corruption"] == 0.5).to_numpy().argmax())
        path = copied_zoo_folder / "networks.parquet"
        rows = pq.read_table(io.BytesIO(path.read_bytes()))
        digests = rows.column("labels").to_pylist()
        digests[position] = label_digest(labels)
        number = rows.schema.get_field_index("labels")
        path.write_bytes(to_parquet(rows.set_column(number, "labels", pa.array(digests))))
        relist(copied_zoo_folder, "networks.parquet")
        with pytest.raises(CorruptZooError, match="others than the 10 classes"):
            load_zoo(copied_zoo_folder).verify(weights=False)
