"""croissant.json: what it says of a zoo's files, and what MLCommons' own library reads by it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from demogen import load_zoo
from demogen.format.croissant import SEAL, folder_croissant, is_sealed
from demogen.format.integrity import copy_zoo, file_sha256, read_manifest
from demogen.format.table import runs_to_parquet
from demogen.schema.records import RunFacts
from tests.demogen.zoo.imported import imported_zoo
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import publish, pull

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def content_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "croissant.json").read_text())


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {file["@id"]: file for file in content_of(folder)["distribution"]}


def test_every_file_is_listed_with_its_sha256(tiny_zoo_folder: Path) -> None:
    files = files_of(tiny_zoo_folder)
    lying = {
        path.relative_to(tiny_zoo_folder).as_posix()
        for path in tiny_zoo_folder.rglob("*")
        if path.is_file()
    }
    assert set(files) == lying - {"README.md", "croissant.json"}
    for path, file in files.items():
        assert file["sha256"] == file_sha256(tiny_zoo_folder / path)
        assert file["contentSize"] == f"{(tiny_zoo_folder / path).stat().st_size} B"
        assert file["contentUrl"] == path


def test_what_is_known_of_how_it_was_made(tiny_zoo_folder: Path) -> None:
    content, manifest = content_of(tiny_zoo_folder), read_manifest(tiny_zoo_folder)
    assert content["identifier"] == f"sha256:{load_zoo(tiny_zoo_folder).digest}"
    assert content["license"] == "https://spdx.org/licenses/Apache-2.0"
    assert "@misc{tiny-zoo-" in content["citeAs"]
    assert manifest.recipe_digest is not None
    assert manifest.recipe_digest in content["rai:dataCollection"]
    assert content["rai:dataCollectionType"] == ["Experiments"]
    assert manifest.image_sets["digits"] in content["rai:dataCollectionRawData"]
    assert "labels.safetensors" in content["rai:dataManipulationProtocol"]
    assert "24 of 24" in content["rai:dataCollectionMissingData"]


def test_without_corrupted_labels_nothing_is_said_of_them(mlp_zoo_folder: Path) -> None:
    assert "labels.safetensors" not in read_manifest(mlp_zoo_folder).files
    assert "rai:dataManipulationProtocol" not in content_of(mlp_zoo_folder)


def test_imported_networks_have_the_words_of_their_archive(tmp_path: Path) -> None:
    imported_zoo(tmp_path / "zoo", 3)
    content = content_of(tmp_path / "zoo")
    assert content["license"] == "CC BY 4.0"
    assert "elsewhere/task1" in content["rai:dataCollection"]
    assert content["rai:dataCollectionType"] == ["Secondary Data Analysis"]
    assert "training accuracies are running means" in content["rai:dataLimitations"]


def test_the_digest_of_a_zoo_does_not_know_it(copied_zoo_folder: Path) -> None:
    before = load_zoo(copied_zoo_folder).digest
    (copied_zoo_folder / "croissant.json").unlink()
    zoo = load_zoo(copied_zoo_folder)
    zoo.verify()
    assert zoo.digest == before


def test_it_is_sealed_until_it_is_edited(tiny_zoo_folder: Path) -> None:
    text = (tiny_zoo_folder / "croissant.json").read_bytes()
    assert text == folder_croissant(tiny_zoo_folder, read_manifest(tiny_zoo_folder))
    assert is_sealed(text)
    assert not is_sealed(text.replace(b"Apache-2.0", b"MIT"))
    assert not is_sealed(text.replace(SEAL.encode(), b"sealed"))
    assert not is_sealed(b"[]")
    assert not is_sealed(b"{")


class TestCopied:
    def test_it_goes_along(self, copied_zoo_folder: Path, tmp_path: Path) -> None:
        copy_zoo(copied_zoo_folder, tmp_path / "copy")
        assert (tmp_path / "copy/croissant.json").is_file()

    def test_that_of_another_zoo_does_not_stay(
        self, copied_zoo_folder: Path, mlp_zoo_folder: Path, tmp_path: Path
    ) -> None:
        copy_zoo(mlp_zoo_folder, tmp_path / "copy")
        (copied_zoo_folder / "croissant.json").unlink()
        copy_zoo(copied_zoo_folder, tmp_path / "copy")
        assert not (tmp_path / "copy/croissant.json").exists()


class TestPushed:
    def test_it_names_the_repository(self, hub: LoopbackHub, copied_zoo_folder: Path) -> None:
        publish(hub, copied_zoo_folder)
        content = content_of(pull(hub))
        assert content["url"] == "https://huggingface.co/datasets/ours/tiny"
        assert "ours/tiny" in content["citeAs"]
        assert publish(hub, copied_zoo_folder).changes == 0

    def test_a_missing_one_is_made(self, hub: LoopbackHub, copied_zoo_folder: Path) -> None:
        (copied_zoo_folder / "croissant.json").unlink()
        publish(hub, copied_zoo_folder)
        assert "ours/tiny" in content_of(pull(hub))["citeAs"]

    def test_an_edited_one_is_sent_as_it_is(
        self, hub: LoopbackHub, copied_zoo_folder: Path
    ) -> None:
        path = copied_zoo_folder / "croissant.json"
        path.write_text(path.read_text().replace("Apache-2.0", "MIT"))
        publish(hub, copied_zoo_folder)
        assert (pull(hub) / "croissant.json").read_bytes() == path.read_bytes()

    def test_measurements_are_listed_too(self, hub: LoopbackHub, copied_zoo_folder: Path) -> None:
        (copied_zoo_folder / "measurements").mkdir()
        shutil.copy(
            copied_zoo_folder / "runs.parquet", copied_zoo_folder / "measurements/a.parquet"
        )
        publish(hub, copied_zoo_folder)
        assert "measurements/a.parquet" in files_of(pull(hub))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestReadByMlcroissant:
    @pytest.fixture
    def mlcroissant(self) -> Any:
        return pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")

    @pytest.fixture
    def read(self, mlcroissant: Any, tiny_zoo_folder: Path) -> Any:
        return mlcroissant.Dataset(str(tiny_zoo_folder / "croissant.json"))

    def test_it_conforms(self, read: Any, tmp_path: Path, mlcroissant: Any) -> None:
        imported_zoo(tmp_path / "zoo", 3)
        for dataset in (read, mlcroissant.Dataset(str(tmp_path / "zoo/croissant.json"))):
            issues = dataset.metadata.ctx.issues
            assert not issues.errors
            # No zoo has a date or a version that anybody could state.
            unstated = [warning for warning in issues.warnings if "is recommended" in warning]
            assert len(unstated) == len(issues.warnings)
        assert read.metadata.data_collection_type == ["Experiments"]

    def test_networks_come_as_in_the_table(self, read: Any, tiny_zoo_folder: Path) -> None:
        table = load_zoo(tiny_zoo_folder).table
        records = {row["networks/id"].decode(): row for row in read.records("networks")}
        assert list(records) == list(table.index)
        for id, row in table.iterrows():
            assert records[id]["networks/gap"] == row["gap"]
            assert records[id]["networks/seed"] == row["seed"]
            assert records[id]["networks/family"] == row["family"].encode()
            assert len(records[id]["networks/probe_logits"]) == 4

    def test_runs_and_folds_come_as_they_are(self, read: Any, tiny_zoo_folder: Path) -> None:
        zoo = load_zoo(tiny_zoo_folder)
        assert {row["runs/id"].decode() for row in read.records("runs")} == set(zoo.ids)
        assert len(zoo.splits) == 6
        for name, split in zoo.splits.items():
            folds = [row[f"splits/{name}/test"] for row in read.records(f"splits/{name}")]
            assert tuple(tuple(id.decode() for id in fold) for fold in folds) == split.tests

    def test_a_changed_byte_is_noticed(self, mlcroissant: Any, copied_zoo_folder: Path) -> None:
        content = bytearray((copied_zoo_folder / "runs.parquet").read_bytes())
        content[40] ^= 1
        (copied_zoo_folder / "runs.parquet").write_bytes(content)
        described = mlcroissant.Dataset(str(copied_zoo_folder / "croissant.json"))
        with pytest.raises(Exception, match=r"Download\(runs.parquet\)"):
            list(described.records("runs"))

    def test_factors_of_a_source_have_any_name_and_missing_seeds_are_none(
        self, mlcroissant: Any, tmp_path: Path
    ) -> None:
        def factors(number: int) -> dict[str, Any]:
            many = {"big:count": 2**60 + 1} if number else {}
            return {"config.a:b+c": number, **many}

        zoo = imported_zoo(tmp_path / "zoo", 3, factors=factors)
        read = mlcroissant.Dataset(str(tmp_path / "zoo/croissant.json"))
        records = {row["networks/id"].decode(): row for row in read.records("networks")}
        for id, row in zoo.table.iterrows():
            assert records[id]["networks/config.a%3Ab%2Bc"] == row["config.a:b+c"]
        # What docs/hub.md warns of: with a value missing, pandas makes floats of integers.
        assert {row["networks/big%3Acount"] for row in records.values()} >= {2**60}


def test_a_file_of_runs_that_was_added_later_is_described(copied_zoo_folder: Path) -> None:
    (copied_zoo_folder / "runs.parquet").unlink()
    manifest = read_manifest(copied_zoo_folder)
    without = json.loads(folder_croissant(copied_zoo_folder, manifest))
    assert "rai:personalSensitiveInformation" not in without
    assert "runs" not in [records["@id"] for records in without["recordSet"]]
    facts = [RunFacts(id="a", seconds=1.0, device="cpu", host="h", versions={})]
    (copied_zoo_folder / "runs.parquet").write_bytes(runs_to_parquet(facts))
    again = json.loads(folder_croissant(copied_zoo_folder, manifest))
    assert "runs" in [records["@id"] for records in again["recordSet"]]
