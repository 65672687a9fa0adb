"""Pulling a zoo with the real client against a Hub on this machine."""

import json
from pathlib import Path

import pytest

from demogen.errors import CorruptZooError, ZooError
from demogen.hub import download
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import REPOSITORY, contents, pull, push

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


class TestRoundTrip:
    def test_what_is_pushed_and_tagged_is_pulled_byte_for_byte(
        self, hub: LoopbackHub, zoo: Path, tmp_path: Path
    ) -> None:
        commit = push(hub, zoo, tag="v1")
        assert hub.repository(REPOSITORY).resolve("v1") == commit
        assert contents(pull(hub, revision="v1")) == contents(zoo)
        assert contents(pull(hub, tmp_path / "copy")) == contents(zoo)
        assert pull(hub, revision=commit).name == commit
        assert download.resolve(REPOSITORY, "v1", endpoint=hub.endpoint) == commit

    def test_a_pinned_zoo_in_the_cache_is_pulled_without_a_request(
        self, hub: LoopbackHub, zoo: Path
    ) -> None:
        commit = push(hub, zoo)
        pull(hub, revision=commit)
        hub.faults.clear()
        assert contents(pull(hub, revision=commit)) == contents(zoo)
        assert hub.faults.requests == []

    def test_without_a_network_the_last_seen_commit_is_used(
        self, hub: LoopbackHub, zoo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = push(hub, zoo, tag="v1")
        pull(hub, revision="v1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        assert download.resolve(REPOSITORY, "v1", endpoint=hub.endpoint) == commit
        assert contents(pull(hub, revision="v1")) == contents(zoo)
        with pytest.raises(ZooError, match="HF_HUB_OFFLINE"):
            pull(hub, revision="v2")


class TestDamagedDownload:
    @pytest.mark.parametrize("kind", ["flip", "truncate", 500])
    @pytest.mark.parametrize("path", ["shards/00001.tar", "splits/kfold-10.json", "zoo.json"])
    def test_damage_that_passes_is_repaired(
        self, hub: LoopbackHub, zoo: Path, kind: str | int, path: str
    ) -> None:
        push(hub, zoo)
        hub.faults.add(kind, f"^GET .*/resolve/.*/{path}")
        assert contents(pull(hub)) == contents(zoo)
        assert hub.faults.count(f"^GET .*/resolve/.*/{path}") == 2

    @pytest.mark.parametrize(
        ("kind", "fault"), [("flip", "has sha256 [0-9a-f]{12}…"), ("truncate", "arrives too short")]
    )
    def test_lasting_damage_names_the_file_and_is_not_taken_for_whole_later(
        self, hub: LoopbackHub, zoo: Path, tmp_path: Path, kind: str, fault: str
    ) -> None:
        commit = push(hub, zoo)
        hub.faults.add(kind, "^GET .*/shards/00001.tar", times=ALWAYS)
        expected = f"zoo {REPOSITORY} at {commit[:12]}: shards/00001.tar {fault}"
        with pytest.raises(CorruptZooError, match=expected):
            pull(hub, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
        with pytest.raises(CorruptZooError):
            pull(hub, revision=commit)
        hub.faults.clear()
        assert contents(pull(hub, revision=commit)) == contents(zoo)

    @pytest.mark.parametrize("times", [1, ALWAYS])
    def test_a_damaged_manifest_is_noticed_even_where_it_stays_json(
        self, hub: LoopbackHub, zoo: Path, times: int
    ) -> None:
        text = (zoo / "zoo.json").read_bytes()
        push(hub, zoo)
        digit = text.index(b'"networks": 3') + len('"networks": ')
        hub.faults.add("flip", "^GET .*/zoo.json", times=times, at=digit)
        if times == 1:
            assert (pull(hub) / "zoo.json").read_bytes() == text
        else:
            with pytest.raises(CorruptZooError, match=r"zoo\.json arrives damaged"):
                pull(hub)

    def test_a_manifest_that_stays_too_short_is_named(self, hub: LoopbackHub, zoo: Path) -> None:
        push(hub, zoo)
        hub.faults.add("truncate", "^GET .*/zoo.json", times=ALWAYS)
        with pytest.raises(CorruptZooError, match=r"zoo\.json arrives too short"):
            pull(hub)

    @pytest.mark.usefixtures("no_waiting")
    def test_a_hub_that_fails_during_the_repair_is_not_taken_for_a_damaged_zoo(
        self, hub: LoopbackHub, zoo: Path
    ) -> None:
        push(hub, zoo)
        hub.faults.add(503, "^GET .*/00001.tar", times=ALWAYS)
        with pytest.raises(ZooError, match="out of order") as error:
            pull(hub)
        assert error.type is ZooError

    def test_files_beside_the_zoo_are_checked_too(self, hub: LoopbackHub, zoo: Path) -> None:
        (zoo / "measurements").mkdir()
        (zoo / "measurements/mean.parquet").write_bytes(b"PAR1 means")
        push(hub, zoo)
        for path in ("README.md", "measurements/mean.parquet"):
            hub.faults.add("flip", f"^GET .*/resolve/.*/{path}", at=3)
        assert contents(pull(hub)) == contents(zoo)

    @pytest.mark.usefixtures("no_waiting")
    @pytest.mark.parametrize("kind", ["truncate", 500])
    def test_files_beside_the_zoo_are_not_lost_where_another_one_fails(
        self, hub: LoopbackHub, zoo: Path, kind: str | int
    ) -> None:
        push(hub, zoo)
        hub.faults.add(kind, "^GET .*/resolve/.*/(README.md|shards/)", times=3)
        assert contents(pull(hub)).keys() == contents(zoo).keys()

    @pytest.mark.usefixtures("no_waiting")
    def test_files_beside_the_zoo_are_not_lost_where_the_repository_cannot_be_listed(
        self, hub: LoopbackHub, zoo: Path
    ) -> None:
        push(hub, zoo)
        hub.faults.add(503, "/tree/", times=ALWAYS)
        with pytest.raises(ZooError, match="out of order|cannot be"):
            pull(hub)
        hub.faults.clear()
        assert contents(pull(hub)).keys() == contents(zoo).keys()

    def test_a_file_the_repository_lacks_is_named(self, hub: LoopbackHub, zoo: Path) -> None:
        push(hub, zoo)
        repository = hub.repository(REPOSITORY)
        files = repository.files(repository.resolve("main"))
        del files["shards/00000.tar"]
        repository.commit("main", files, "by hand")
        with pytest.raises(CorruptZooError, match=r"shards/00000\.tar is missing"):
            pull(hub)

    def test_a_manifest_whose_paths_leave_the_folder_is_refused(
        self, hub: LoopbackHub, zoo: Path, tmp_path: Path
    ) -> None:
        content = json.loads((zoo / "zoo.json").read_text())
        content["files"]["../escaped"] = content["files"]["shards/00000.tar"]
        text = json.dumps(content).encode()
        push(hub, zoo)
        repository = hub.repository(REPOSITORY)
        files = repository.files(repository.resolve("main"))
        repository.commit("main", {**files, "zoo.json": repository.add(text)}, "malice")
        with pytest.raises(ZooError, match=r"'\.\./escaped' leaves the zoo's folder"):
            pull(hub, tmp_path / "copy")
        (zoo / "zoo.json").write_bytes(text)
        with pytest.raises(ZooError, match=r"'\.\./escaped' leaves the zoo's folder"):
            download.pull(str(zoo), tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
