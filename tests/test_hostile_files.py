"""Every reader of what strangers write, with files that are none: one line, or what they hold.

The contents are harmless: what is wrong with them is their shape.
"""

import io
import json
import warnings
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demogen._util import limits
from demogen._util.parsing import toml_data
from demogen.errors import DemogenError
from demogen.format.integrity import read_manifest
from demogen.format.splits import Split
from demogen.format.table import Table, read_initial_logits, read_versions
from demogen.images import own_sets
from demogen.images import parquet as image_files
from demogen.measuring.cache import SignatureCache
from demogen.measuring.fitted_predictor import FittedPredictor
from demogen.networks import architectures
from demogen.schema.image_sets import facts
from demogen.schema.records import NetworkSpec, ZooManifest
from leaderboard.fitting.regressor_text import regressor_from_text
from leaderboard.results.origins import read_origins
from leaderboard.results.packing import pack
from leaderboard.results.result import Result, read_results, results_in
from leaderboard.submissions.manifest import Submission
from leaderboard.submissions.rerun_messages import read_output
from zoo_recipes.build_folder import BuildFolder
from zoo_recipes.importing.arrays import json_of
from zoo_recipes.importing.keeping import ImportFolder
from zoo_recipes.overrides import chosen_levels, parsed_settings
from zoo_recipes.recipe import read_recipe

DRAWN = settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SPEC = {
    "architecture": {"family": "mlp", "depth": 2, "width": 8},
    "data": {"images": "mnist"},
    "training": {},
}


def ends_in_one_line(read, *arguments):
    """What is read, or None where the reader refused it in one line."""
    try:
        return read(*arguments)
    except DemogenError as error:
        message = str(error)
        assert "\n" not in message
        assert 15 < len(message) < 2_000
        return None


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def build_folder(folder, content):
    build = BuildFolder(folder / "zoo")
    spec = NetworkSpec.model_validate(SPEC)
    for name in ("record.json", "run.json", "weights.safetensors"):
        written(build.path / spec.id / name, content)
    ends_in_one_line(build.get, spec)
    written(build.path / spec.id / "failed.json", content)
    ends_in_one_line(build.get, spec)
    written(build.path / "images.json", content)
    build.keep_images({"mnist": "0" * 64})


def import_folder(folder, content):
    place = folder / "zoo"
    written(folder / "zoo.importing" / "import.json", json.dumps({}, indent=1).encode())
    written(folder / "zoo.importing" / "000000" / "networks.jsonl", content)
    ends_in_one_line(lambda: list(ImportFolder(place, {}).kept()))
    ImportFolder(place, {}).names()


def kept_signatures(folder, content):
    written(folder / "m.jsonl", content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        cache = SignatureCache(folder, "m")
    assert cache.get("n") is None or cache.get("n").signature is not None


def text_of(content):
    return content.decode("utf-8", "replace")


JSON_READERS = {
    "zoo.json": lambda folder, content: ZooManifest.from_json(content, "zoo"),
    "zoo.json in a folder": lambda folder, content: read_manifest(
        written(folder / "zoo.json", content).parent
    ),
    "a split": lambda folder, content: Split.from_json(content, "zoo"),
    "a result": lambda folder, content: Result.from_json(content, "result"),
    "packed results": lambda folder, content: list(
        results_in(written(folder / "a@0123456789ab.parquet", content))
    ),
    "results": lambda folder, content: read_results(written(folder / "a.json", content).parent),
    "merges": lambda folder, content: read_origins(
        written(folder / "submissions" / "p.jsonl", content).parents[1]
    ),
    "a fitted predictor": lambda folder, content: FittedPredictor.load(
        written(folder / "fitted.json", content)
    ),
    "a spec": lambda folder, content: architectures.weight_sizes(text_of(content), "network"),
    "a file of an archive": lambda folder, content: json_of(content, "config.json"),
    "an answer of code": lambda folder, content: read_output(
        written(folder / "output.json", content).parent
    ),
    "a build folder": build_folder,
    "an import": import_folder,
    "kept signatures": kept_signatures,
}
TOML_READERS = {
    "a recipe": lambda folder, content: read_recipe(written(folder / "r.toml", content)).networks(),
    "submission.toml": lambda folder, content: Submission.from_toml(content, "submission.toml"),
    "levels asked for": lambda folder, content: chosen_levels(["width=" + text_of(content)]),
    "settings asked for": lambda folder, content: parsed_settings(["width=" + text_of(content)]),
}

NO_JSON = {
    "nothing": b"",
    "no UTF-8": b"\xff\xfe\x00",
    "cut short": b'{"name": "a',
    "deep arrays": b"[" * 100_000,
    "deep and whole": b"[" * 5_000 + b"]" * 5_000,
    "deep objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "a number": b"7",
    "a text": b'"zoo"',
    "a list": b"[1, 2]",
    "null": b"null",
    "an object of nothing": b"{}",
    "double keys": b'{"format_version": 1, "format_version": 2}',
    "a truth value for a version": b'{"format_version": true}',
    "a list for a version": b'{"format_version": [1]}',
    "NaN": b'{"format_version": NaN}',
    "half of a pair": b'{"name": "\\ud800"}',
    "a whole number of 5,000 digits": b"[" + b"9" * 5_000 + b"]",
    "a whole number of 100 digits": b'{"format_version": ' + b"9" * 100 + b"}",
    "a number beyond floats": b"[1e999]",
    "many values": b"[" + b"{}," * (limits.JSON_VALUES + 1) + b"1]",
    "a null byte": b"\x00",
}
NO_TOML = {
    **{name: NO_JSON[name] for name in ("no UTF-8", "cut short", "a null byte", "a list")},
    "nothing": b"",
    "deep arrays": b"a = " + b"[" * 2_000,
    "deep tables": b"[" + b".".join([b"a"] * 20_000) + b"]",
    "a deep key": b".".join([b"a"] * 20_000) + b" = 1",
    "deep inline tables": b"a = " + b"{a = " * 500 + b"1" + b"}" * 500,
    "a whole number of 5,000 digits": b"a = " + b"9" * 5_000,
    "many values": b"a = [" + b"1," * (limits.TOML_VALUES + 1) + b"]",
    "double keys": b"a = 1\na = 2",
    "a large file": b"#" * (limits.TEXT_BYTES + 1),
    "a date": b"name = 2026-01-01\nformat_version = 1",
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
@pytest.mark.parametrize("reader", JSON_READERS.values(), ids=JSON_READERS)
def test_what_is_no_such_json_is_refused_in_one_line(reader, content, tmp_path):
    ends_in_one_line(reader, tmp_path, content)


@pytest.mark.parametrize("content", NO_TOML.values(), ids=NO_TOML)
@pytest.mark.parametrize("reader", TOML_READERS.values(), ids=TOML_READERS)
def test_what_is_no_such_toml_is_refused_in_one_line(reader, content, tmp_path):
    ends_in_one_line(reader, tmp_path, content)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "=1+1", "\x1b[31m", "a\nb"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(content, place=()):
    """Paths of all that content holds."""
    yield place
    if isinstance(content, dict):
        inner = content.items()
    else:
        inner = enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield from places(value, (*place, key))


def with_value(content, place, value):
    if not place:
        return value
    changed = content.copy()
    changed[place[0]] = with_value(content[place[0]], place[1:], value)
    return changed


@pytest.fixture(scope="module")
def genuine(tiny_zoo_folder, one_result):
    """Reader → what it reads."""
    split = (tiny_zoo_folder / "splits" / "kfold-10.json").read_text()
    return {
        "zoo.json": json.loads((tiny_zoo_folder / "zoo.json").read_text()),
        "a split": json.loads(split),
        "a result": json.loads(one_result),
        "a spec": SPEC,
        "merges": {
            "day": "2026-01-01",
            "authors": ["A"],
            "measure": "m",
            "files": {"a/b.json": {"sha256": "0" * 64, "claimed": ["zoo"]}},
        },
    }


@pytest.fixture(scope="module")
def one_result():
    from tests.leaderboard.conftest import results_of, zoo_of

    return results_of(zoo_of(6, copies=2))[0].to_json()


@pytest.mark.parametrize("reader", ["zoo.json", "a split", "a result", "a spec", "merges"])
@DRAWN
@given(data=st.data())
def test_one_changed_value_is_refused_in_one_line(reader, data, genuine, tmp_path):
    content = genuine[reader]
    place = data.draw(st.sampled_from(list(places(content))))
    changed = with_value(content, place, data.draw(VALUES))
    ends_in_one_line(JSON_READERS[reader], tmp_path, json.dumps(changed).encode())


@DRAWN
@given(data=st.data())
def test_one_changed_value_of_a_recipe_is_refused_in_one_line(data, tmp_path):
    content = toml_data((Path(__file__).parent / "data" / "tiny.toml").read_text())
    place = data.draw(st.sampled_from(list(places(content))[1:]))
    changed = with_value(content, place, data.draw(VALUES))
    path = written(tmp_path / "r.toml", b"")
    with patch("zoo_recipes.recipe.toml_data", lambda text: changed):
        ends_in_one_line(lambda: read_recipe(path).networks())


COLUMNS = {
    "lists": lambda rows: pa.array([["a"]] * rows),
    "numbers": lambda rows: pa.array(list(range(rows))),
    "texts": lambda rows: pa.array([str(row) for row in range(rows)]),
    "bytes": lambda rows: pa.array([b"\xff"] * rows),
    "structs": lambda rows: pa.array([{"a": 1}] * rows),
    "nothing": lambda rows: pa.nulls(rows),
    "dates": lambda rows: pa.array([0] * rows, pa.timestamp("ns")),
    "infinity": lambda rows: pa.array([float("inf")] * rows),
    "logits of nothing": lambda rows: pa.array([[]] * rows, pa.list_(pa.list_(pa.float64()))),
    "logits that are none": lambda rows: pa.array([[[float("nan")]]] * rows),
    "logits missing": lambda rows: pa.array([[[None, 1.0]]] * rows),
    "whole numbers of 64 bits": lambda rows: pa.array([2**64 - 1] * rows, pa.uint64()),
}


def parquet_bytes(table, **options):
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def everything(content, networks=24):
    """All that a zoo reads of its table."""
    table = Table(content, networks, "zoo z")
    ends_in_one_line(lambda: table.frame.sort_index())
    for id in table.rows:
        for read in (table.record, table.weights, table.initial):
            ends_in_one_line(read, id)


@pytest.fixture(scope="module")
def rows(tiny_zoo_folder):
    return pq.read_table(tiny_zoo_folder / "networks.parquet")


def test_a_table_with_a_column_of_another_type_is_refused_in_one_line(rows):
    read = {"id", "spec", "probe_logits", "labels", "weights_sha256", "shard", "offset", "length"}
    shown = {"gap", "width", "batch_norm", "augmentation", "configuration", "stopped"}
    for name in sorted(read | shown):
        number = rows.schema.get_field_index(name)
        for column in COLUMNS.values():
            changed = rows.set_column(number, name, column(len(rows)))
            ends_in_one_line(everything, parquet_bytes(changed))


def test_a_table_with_double_columns_or_foreign_metadata_is_read_or_refused(rows):
    double = rows.append_column("id", rows.column("id"))
    assert ends_in_one_line(everything, parquet_bytes(double)) is None
    foreign = {"pandas": b'{"columns": [{"name": 7}], "index_columns": [["x"]]}', "a": b"\xff"}
    table = Table(parquet_bytes(rows.replace_schema_metadata(foreign)), 24, "zoo z")
    assert len(table.frame) == 24
    added = rows.append_column("x", pa.array([[1]] * 24))
    assert ends_in_one_line(everything, parquet_bytes(added)) is None


PARQUET_READERS = {
    "networks.parquet": lambda path: everything(path.read_bytes()),
    "logits of runs": read_initial_logits,
    "versions of runs": read_versions,
    "one's own images": lambda path: own_sets.read("own", {"train": [path], "test": [path]}),
    "published images": lambda path: image_files.read("mnist", {"train": [path], "test": [path]}),
    "packed results": lambda path: list(results_in(path)),
}


@pytest.fixture(scope="module")
def parquet_files(tiny_zoo_folder, tmp_path_factory, one_result):
    import numpy as np

    folder = tmp_path_factory.mktemp("images")
    images = np.zeros((3, 1, 28, 28), np.uint8)
    arrays = {f"{part}_images": images for part in own_sets.PARTS}
    own_sets.write(
        "own", folder, arrays | {f"{part}_labels": [0, 1, 2] for part in own_sets.PARTS}, 10
    )
    own = (folder / "own" / "train-00000-of-00001.parquet").read_bytes()
    runs = (tiny_zoo_folder / "runs.parquet").read_bytes()
    cells = pa.table({"image": [{"bytes": b"none", "path": None}] * 3, "label": [0, 1, 2]})
    return {
        "networks.parquet": (tiny_zoo_folder / "networks.parquet").read_bytes(),
        "logits of runs": runs,
        "versions of runs": runs,
        "one's own images": own,
        "published images": parquet_bytes(cells),
        "packed results": pack([json.loads(one_result)] * 3),
    }


@pytest.mark.parametrize("reader", PARQUET_READERS)
@DRAWN
@given(data=st.data())
def test_damaged_parquet_files_are_refused_in_one_line(reader, data, parquet_files, tmp_path):
    content = bytearray(parquet_files[reader])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(len(content) - 200, len(content)))]
    path = written(tmp_path / "file.parquet", bytes(content))
    ends_in_one_line(PARQUET_READERS[reader], path)


@pytest.mark.parametrize("reader", PARQUET_READERS)
def test_parquet_files_of_another_kind_are_refused_in_one_line(reader, tmp_path):
    assert facts("mnist").classes == 10
    for name in ("id", "image", "label", "versions", "initial_logits", "x"):
        for make in COLUMNS.values():
            table = pa.table({name: make(24)})
            for metadata in ({}, {"demogen": b"[" * 9_000}, {"demogen": b'{"shape": "abc"}'}):
                content = parquet_bytes(table.replace_schema_metadata(metadata))
                path = written(tmp_path / "file.parquet", content)
                ends_in_one_line(PARQUET_READERS[reader], path)


@pytest.mark.parametrize(
    "text",
    [
        *["Pipeline(steps=[])", "Pipeline()", "Pipeline(steps=[()])", "Pipeline(steps=[('a', 1)])"],
        *["Ridge(alpha=[])" * 2, "(" * 5_000, "Ridge(alpha=" + "-" * 5_000 + "1)", "", "\x00"],
    ],
)
def test_texts_that_are_no_regressor_are_refused_in_one_line(text):
    assert ends_in_one_line(regressor_from_text, text) is None
