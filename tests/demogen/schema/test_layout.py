"""The closed list of what a zoo may hold."""

import json

import pytest

from demogen.errors import ZooError
from demogen.schema import layout
from demogen.schema.records import ZooManifest
from tests.hub.small_zoo import make_zoo

LISTED = [
    "networks.parquet",
    "labels.safetensors",
    "splits/kfold-10.json",
    "splits/leave-config.activation_2-out.json",
    "shards/00000.tar",
    "shards/123456.tar",
]
BESIDE = [
    *("README.md", "croissant.json", "runs.parquet"),
    "measurements/sharpness-flatness.parquet",
]
STRANGE = [
    *("conftest.py", ".bashrc", ".git/hooks/pre-commit", "Makefile", "sitecustomize.py", ""),
    *("zoo.json/x", "networks.parquet/x", "Networks.parquet", "README.md\n", "readme.md"),
    *("splits/.hidden.json", "splits/a/b.json", "splits/..json", "splits/x.JSON", "splits/x.py"),
    *("shards/x.tar", "shards/٣.tar", "shards/-1.tar", "shards/1.tar.py", "shards/00000.tar\n"),
    *("measurements/a/b.parquet", "measurements/../x.parquet", "measurements/.x.parquet"),
    *("splits/" + "a" * 300 + ".json", "splits/a b.json", "splits/a:b.json", "splits\\a.json"),
]


@pytest.mark.parametrize("path", [*LISTED, *BESIDE, "zoo.json"])
def test_what_a_zoo_may_hold(path):
    assert layout.is_zoo_path(path)
    assert layout.is_listed_path(path) is (path in LISTED)
    assert layout.is_companion(path) is (path in BESIDE)


@pytest.mark.parametrize("path", STRANGE)
def test_what_it_may_not(path):
    assert not layout.is_zoo_path(path)


@pytest.mark.parametrize("path", [*STRANGE, *BESIDE, "zoo.json"])
def test_a_manifest_that_lists_anything_else_is_refused(path, tmp_path):
    text = (make_zoo(tmp_path) / "zoo.json").read_bytes()
    content = ZooManifest.from_json(text, "a zoo").model_dump(mode="json")
    content["files"][path] = content["files"]["shards/00000.tar"]
    with pytest.raises(ZooError, match="leaves the zoo's folder|is no file that a zoo may list"):
        ZooManifest.from_json(json.dumps(content).encode(), "a zoo")
