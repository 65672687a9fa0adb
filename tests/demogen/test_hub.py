"""Pushing and pulling a zoo with the real client against a Hub on this machine."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from demogen import hub as transport
from demogen.errors import CorruptZooError, ZooError
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import FILES, REPOSITORY, contents, pull, push
from tests.hub.store import Entry, Repository, Store

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
        assert transport.resolve(REPOSITORY, "v1", endpoint=hub.endpoint) == commit

    def test_large_files_go_by_plain_lfs_and_small_ones_in_the_commit(
        self, hub: LoopbackHub, zoo: Path
    ) -> None:
        commit = push(hub, zoo)
        large = {path for path, e in hub.repository(REPOSITORY).files(commit).items() if e.sha256}
        assert large == {*(path for path in FILES if ".json" not in path), "runs.parquet"}
        assert hub.faults.count("^PUT /lfs/") == len(large)
        assert hub.faults.count("/commit/") == 1

    def test_pushing_again_sends_nothing(self, hub: LoopbackHub, zoo: Path) -> None:
        commit = push(hub, zoo)
        hub.faults.clear()
        hub.state.page = 3
        assert push(hub, zoo) == commit
        assert hub.faults.count("PUT|preupload|/commit/") == 0
        assert hub.faults.count("^GET .*/tree/") == 4

    def test_a_pinned_zoo_in_the_cache_is_pulled_without_a_request(
        self, hub: LoopbackHub, zoo: Path
    ) -> None:
        commit = push(hub, zoo)
        pull(hub, revision=commit)
        hub.faults.clear()
        assert contents(pull(hub, revision=commit)) == contents(zoo)
        assert hub.faults.requests == []

    def test_a_new_revision_sends_what_changed_and_drops_what_is_gone(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        first = push(hub, zoo, tag="v1")
        hub.faults.clear()
        second = push(hub, other)
        assert hub.faults.count("^PUT /lfs/") == 1
        assert "shards/00001.tar" not in hub.repository(REPOSITORY).files(second)
        assert contents(pull(hub)) == contents(other)
        assert contents(pull(hub, revision=first)) == contents(zoo)

    def test_files_that_are_no_part_of_a_zoo_are_left_alone(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        push(hub, zoo)
        repository = hub.repository(REPOSITORY)
        files = repository.files(repository.resolve("main"))
        for path in ("measurements/mean.parquet", "notes.txt"):
            files[path] = repository.add(path.encode())
        repository.commit("main", files, "by hand")
        commit = push(hub, other)
        assert {"measurements/mean.parquet", "notes.txt"} <= set(repository.files(commit))
        pulled = contents(pull(hub))
        assert "measurements/mean.parquet" in pulled
        assert "notes.txt" not in pulled

    def test_a_tag_is_never_moved(self, hub: LoopbackHub, zoo: Path, other: Path) -> None:
        first = push(hub, zoo, tag="v1")
        assert push(hub, zoo, tag="v1") == first
        with pytest.raises(ZooError, match=r"'v1' names .* choose a new tag"):
            push(hub, other, tag="v1")
        assert hub.repository(REPOSITORY).resolve("v1") == first

    def test_without_a_network_the_last_seen_commit_is_used(
        self, hub: LoopbackHub, zoo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = push(hub, zoo, tag="v1")
        pull(hub, revision="v1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        assert transport.resolve(REPOSITORY, "v1", endpoint=hub.endpoint) == commit
        assert contents(pull(hub, revision="v1")) == contents(zoo)
        with pytest.raises(ZooError, match="HF_HUB_OFFLINE"):
            pull(hub, revision="v2")


class TestInterruptedPush:
    def test_readers_see_no_zoo_until_the_commit_and_nothing_is_sent_twice(
        self, hub: LoopbackHub, zoo: Path
    ) -> None:
        hub.faults.add(500, "^POST .*/commit/")
        with pytest.raises(ZooError, match=r"cannot push to ours/tiny: .*HTTP 500"):
            push(hub, zoo)
        with pytest.raises(ZooError, match=r"has no zoo\.json"):
            pull(hub)
        uploads = hub.faults.count("^PUT /lfs/")
        push(hub, zoo)
        assert hub.faults.count("^PUT /lfs/") == uploads
        assert contents(pull(hub)) == contents(zoo)

    @pytest.mark.usefixtures("no_waiting")
    @pytest.mark.parametrize("step", ["^POST .*/commit/", "^PUT /lfs/", "/preupload/"])
    def test_readers_keep_the_old_zoo(
        self, hub: LoopbackHub, zoo: Path, other: Path, step: str
    ) -> None:
        push(hub, zoo)
        hub.faults.add(503, step, times=ALWAYS)
        with pytest.raises(ZooError, match="HTTP 503"):
            push(hub, other)
        assert contents(pull(hub)) == contents(zoo)
        hub.faults.clear()
        push(hub, other)
        assert contents(pull(hub)) == contents(other)

    @pytest.mark.usefixtures("no_waiting")
    def test_a_passing_failure_of_an_upload_is_got_over(self, hub: LoopbackHub, zoo: Path) -> None:
        hub.faults.add(503, "^PUT /lfs/", times=2)
        push(hub, zoo)
        assert contents(pull(hub)) == contents(zoo)

    def test_a_push_beside_another_one_is_refused(
        self, hub: LoopbackHub, zoo: Path, other: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push(hub, zoo)
        receive = Store.receive

        def meanwhile(self: Store, scratch: Path, oid: str) -> bool:
            repository = hub.repository(REPOSITORY)
            repository.commit("main", repository.files(repository.resolve("main")), "someone else")
            return receive(self, scratch, oid)

        monkeypatch.setattr(Store, "receive", meanwhile)
        with pytest.raises(ZooError, match="changed at the same time"):
            push(hub, other)
        assert contents(pull(hub)) == contents(zoo)

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda entry: None, "is missing"),
            (lambda entry: replace(entry, sha256=None), "is not what was sent"),
            (
                lambda entry: replace(entry, size=entry.size - 1),
                "is 19,999 bytes long instead of 20,000",
            ),
            (lambda entry: replace(entry, sha256="f" * 64), "has sha256 ffffffffffff… instead of"),
        ],
    )
    def test_what_was_published_is_read_back(
        self,
        hub: LoopbackHub,
        zoo: Path,
        monkeypatch: pytest.MonkeyPatch,
        spoil: Callable[[Entry], Entry | None],
        said: str,
    ) -> None:
        honest = Repository.commit

        def careless(self: Repository, branch: str, files: dict[str, Entry], title: str) -> str:
            spoiled = {p: spoil(e) if p == "shards/00000.tar" else e for p, e in files.items()}
            return honest(self, branch, {p: e for p, e in spoiled.items() if e}, title)

        monkeypatch.setattr(Repository, "commit", careless)
        with pytest.raises(CorruptZooError, match=f"as read back: .*tar {said}.* push again"):
            push(hub, zoo)


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
            transport.pull(str(zoo), tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
