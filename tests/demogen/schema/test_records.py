import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from demogen.errors import ZooError
from demogen.schema.records import (
    FAMILIES,
    MLP,
    Data,
    NetworkSpec,
    NiN,
    Training,
    ZooManifest,
    factor_types,
)


def spec(**changes):
    settings = {
        "architecture": NiN(family="nin", width=192, batch_norm=True, dropout=0.2),
        "data": Data(images="cifar10"),
        "training": Training(l2=0.001, augmentation=("crop", "flip")),
        "copy_number": 1,
        "seed": 7,
    }
    return NetworkSpec(**{**settings, **changes})


def test_id_is_readable_and_pinned():
    assert spec().id == "nin-w192-bn-d0.2-l0.001-aug-c1-45276330af47"


def test_id_is_the_same_in_another_process():
    code = (
        "from demogen.schema.records import *\n"
        "print(NetworkSpec(architecture=MLP(family='mlp', width=5, depth=3),"
        "data=Data(images='mnist', corruption=0.5), training=Training()).id)"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    here = NetworkSpec(
        architecture=MLP(family="mlp", width=5, depth=3),
        data=Data(images="mnist", corruption=0.5),
        training=Training(),
    )
    assert elsewhere.stdout.strip() == here.id


def test_id_leaves_defaults_out_and_takes_every_other_setting_in():
    assert spec(training=Training(l2=0.001, augmentation=("crop", "flip"), momentum=0.9)) == spec()
    assert "momentum" not in spec().canonical()
    others = [
        spec(seed=8),
        spec(copy_number=2),
        spec(data=Data(images="cifar10", corruption_seed=1)),
        spec(training=Training(l2=0.001, augmentation=("flip", "crop"))),
    ]
    assert len({spec().id, *(other.id for other in others)}) == 5


def test_copies_share_their_configuration_only():
    assert spec().configuration == spec(seed=9, copy_number=2).configuration
    assert spec().configuration != spec(training=Training()).configuration


@pytest.mark.parametrize(
    "content",
    [
        {"family": "nin", "width": 0},
        {"family": "nin", "width": 8, "dropout": 1.0},
        {"family": "nin", "width": 8, "colour": "red"},
        {"family": "transformer"},
        {"width": 8},
    ],
)
def test_impossible_specs_are_refused(content):
    with pytest.raises(ValidationError):
        NetworkSpec.model_validate({**spec().model_dump(), "architecture": content})


def test_factors_have_one_column_and_type_each():
    columns = factor_types()
    assert columns["width"] is int
    assert columns["train_size"] is int
    assert columns["augmentation"] == tuple[str, ...]
    assert set(spec().factors()) <= set(columns)
    assert set(FAMILIES) == {*("nin", "convnet", "mlp"), *("resnet", "vgg", "mobilenet", "layers")}


def manifest(**changes):
    content = {
        "format_version": 1,
        "name": "z",
        "recipe_digest": "0" * 64,
        "code_version": "0.1.0",
        "paper": {"key": "k", "title": "t", "section": "s"},
        "image_sets": {},
        "networks": 1,
        "planned": 1,
        "files": {"networks.parquet": {"bytes": 1, "sha256": "1" * 64}},
    }
    return json.dumps({**content, **changes}).encode()


def test_manifest_round_trip():
    read = ZooManifest.from_json(manifest(), "here")
    assert ZooManifest.from_json(read.to_json(), "here") == read


def test_unknown_format_version_is_refused_before_anything_else():
    with pytest.raises(ZooError, match=r"zoo format 9 .* newer demogen"):
        ZooManifest.from_json(manifest(format_version=9, unheard_of=1), "here")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "a\\b", "./a"])
def test_paths_that_leave_the_zoo_are_refused(path):
    files = {path: {"bytes": 1, "sha256": "1" * 64}}
    with pytest.raises(ZooError, match="leaves the zoo's folder"):
        ZooManifest.from_json(manifest(files=files), "here")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff\xfe"])
def test_what_is_no_manifest_is_one_clear_line(text):
    with pytest.raises(ZooError, match=r"^here: zoo\.json is no manifest of a zoo"):
        ZooManifest.from_json(text, "here")
