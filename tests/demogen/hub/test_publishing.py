"""Pushing a zoo with the real client to a Hub on this machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from demogen.errors import CorruptZooError, ZooError
from demogen.hub.push_plan import COMMIT_FILES
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.pushed import changes, history, is_whole, make_listed, put, uploads
from tests.hub.server import READER
from tests.hub.small_zoo import (
    FILES,
    REPOSITORY,
    contents,
    make_wide_zoo,
    one_line,
    publish,
    pull,
    push,
)
from tests.hub.store import Entry, Repository

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


class TestCommits:
    def test_large_files_go_by_plain_lfs_and_small_ones_in_the_commit(
        self, hub: LoopbackHub, zoo: Path
    ) -> None:
        commit = push(hub, zoo)
        large = {path for path, e in hub.repository(REPOSITORY).files(commit).items() if e.sha256}
        assert large == {*(path for path in FILES if ".json" not in path), "runs.parquet"}
        assert hub.faults.count("^PUT /lfs/") == len(large)

    def test_new_files_go_ahead_fifty_at_a_time_and_zoo_json_and_card_come_last(
        self, hub: LoopbackHub, tmp_path: Path
    ) -> None:
        made = publish(hub, make_wide_zoo(tmp_path / "wide", splits=110))
        *ahead, last = changes(hub.repository(REPOSITORY))
        assert last == {"zoo.json", "README.md", "croissant.json"}
        assert [len(commit) for commit in ahead] == [COMMIT_FILES, COMMIT_FILES, 16]
        assert made.changes == 119
        commits = history(hub.repository(REPOSITORY))
        assert [is_whole(hub.repository(REPOSITORY), commit) for commit in commits] == (
            [None] * 4 + [True]
        )

    @pytest.mark.parametrize("step", ["^GET .*/tiny/revision/main", "/tree/", "/refs$"])
    def test_a_question_on_a_connection_that_breaks_off_is_asked_again(
        self, hub: LoopbackHub, zoo: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        monkeypatch.setattr("demogen.hub.retry.FIRST", 0)
        push(hub, zoo, tag="v0")
        (zoo / "README.md").write_text("# another text\n")
        hub.faults.clear()
        hub.faults.add("drop", step)
        push(hub, zoo, tag="v1")
        assert [each.fault for each in hub.faults.exchanges].count("drop") == 1
        assert contents(pull(hub, revision="v1")) == contents(zoo)

    def test_readers_never_meet_files_of_two_zoos(
        self, hub: LoopbackHub, zoo: Path, tmp_path: Path
    ) -> None:
        push(hub, zoo)
        later = make_wide_zoo(tmp_path / "wide", splits=60)
        (later / "measurements").mkdir()
        (later / "measurements/mean.parquet").write_bytes(b"PAR1 means")
        (later / "runs.parquet").write_bytes(b"PAR1 other runs")
        (later / "shards/00000.tar").write_bytes(b"changed")
        make_listed(later, "shards/00000.tar")
        push(hub, later)
        repository = hub.repository(REPOSITORY)
        first, second, last = changes(repository)[2:]
        assert all(path.startswith("splits/fold") for path in first | second)
        assert last == {
            *("zoo.json", "shards/00000.tar", "runs.parquet", "measurements/mean.parquet")
        }
        assert [is_whole(repository, commit) for commit in history(repository)[2:]] == [True] * 4

    def test_pushing_again_sends_nothing(self, hub: LoopbackHub, zoo: Path) -> None:
        commit = push(hub, zoo)
        hub.faults.clear()
        hub.state.page = 3
        again = publish(hub, zoo)
        assert (again.commit, again.changes) == (commit, 0)
        assert hub.faults.count("PUT|POST") == 0
        assert hub.faults.count("^GET .*/tree/") == 4

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
        put(hub, "measurements/mean.parquet", "notes.txt")
        commit = push(hub, other)
        files = hub.repository(REPOSITORY).files(commit)
        assert {"measurements/mean.parquet", "notes.txt", ".gitattributes"} <= set(files)
        pulled = contents(pull(hub))
        assert "measurements/mean.parquet" in pulled
        assert "notes.txt" not in pulled

    def test_shards_that_nobody_lists_are_removed(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        push(hub, zoo)
        put(hub, "shards/00007.tar", "shards/notes.txt")
        files = hub.repository(REPOSITORY).files(push(hub, other))
        assert "shards/00007.tar" not in files
        assert "shards/notes.txt" in files

    def test_a_zoo_of_a_later_format_is_replaced_in_one_commit_that_removes_nothing(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        push(hub, zoo)
        put(hub, "notes.txt", "zoo.json", content=b'{"format_version": 9}')
        before = hub.repository(REPOSITORY).resolve("main")
        push(hub, other)
        repository = hub.repository(REPOSITORY)
        assert repository.parent(repository.resolve("main")) == before
        assert {"notes.txt", "shards/00001.tar"} <= set(
            repository.files("main_of(repository)" if False else repository.resolve("main"))
        )

    def test_a_damaged_zoo_json_on_the_way_is_fetched_again(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        push(hub, zoo)
        hub.faults.add("flip", r"^GET .*/zoo\.json", at=40)
        files = hub.repository(REPOSITORY).files(push(hub, other))
        assert "shards/00001.tar" not in files
        put(hub, "zoo.json", content=b"{}")
        hub.faults.add("flip", r"^GET .*/zoo\.json", times=ALWAYS, at=1)
        with pytest.raises(ZooError, match=r"zoo\.json arrives damaged") as error:
            push(hub, zoo)
        one_line(error)


class TestReadBack:
    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda entry: None, "is missing"),
            (lambda entry: replace(entry, sha256=None), "is not what was sent"),
            (lambda entry: replace(entry, size=19_999), "is 19,999 bytes long instead of 20,000"),
            (lambda entry: replace(entry, sha256="f" * 64), "has sha256 ffffffffffff… instead of"),
        ],
    )
    def test_what_was_published_is_read_back_before_it_is_tagged(
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

        with monkeypatch.context() as patch:
            patch.setattr(Repository, "commit", careless)
            with pytest.raises(CorruptZooError, match=f"as read back: .*tar {said}.* push again"):
                push(hub, zoo, tag="v1")
        assert hub.repository(REPOSITORY).settings["tags"] == {}


class TestTag:
    def test_a_tag_is_never_moved(self, hub: LoopbackHub, zoo: Path, other: Path) -> None:
        first = push(hub, zoo, tag="v1")
        assert push(hub, zoo, tag="v1") == first
        hub.faults.clear()
        with pytest.raises(ZooError, match=r"'v1' names .* choose a new tag") as error:
            push(hub, other, tag="v1")
        one_line(error)
        assert hub.faults.count("PUT|POST") == 0
        assert hub.repository(REPOSITORY).resolve("v1") == first
        assert push(hub, zoo, tag="v1.1") == first

    @pytest.mark.parametrize("tag", ["main", "a b", "v1..2", "-v", "v1.lock", "f" * 40, "v1/", "é"])
    def test_what_is_no_name_for_a_tag_is_refused(
        self, hub: LoopbackHub, zoo: Path, tag: str
    ) -> None:
        with pytest.raises(ZooError, match="is no name for a tag") as error:
            push(hub, zoo, tag=tag)
        one_line(error)
        assert hub.faults.requests == []


class TestPullRequest:
    def test_a_reader_proposes_a_zoo_and_main_stays(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        first = push(hub, zoo)
        made = publish(hub, other, token=READER, pull_request=True)
        assert made.address == f"{hub.endpoint}/datasets/{REPOSITORY}/discussions/1"
        assert made.proposed
        repository = hub.repository(REPOSITORY)
        assert repository.resolve("main") == first
        assert repository.resolve("refs/pr/1") == made.commit
        assert contents(pull(hub, revision=made.commit)) == contents(other)
        assert "shards/00001.tar" not in repository.files(made.commit)
        assert f"pull request  {made.address}" in made.report()

    def test_what_is_proposed_already_is_not_proposed_again(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        push(hub, zoo)
        made = publish(hub, other, token=READER, pull_request=True)
        hub.faults.clear()
        again = publish(hub, other, token=READER, pull_request=True)
        assert (again.commit, again.address, again.changes) == (made.commit, made.address, 0)
        assert hub.faults.count("PUT|POST") == 0

    def test_what_main_has_is_not_proposed(self, hub: LoopbackHub, zoo: Path) -> None:
        commit = push(hub, zoo)
        made = publish(hub, zoo, token=READER, pull_request=True)
        assert (made.commit, made.proposed, made.changes) == (commit, False, 0)
        assert hub.repository(REPOSITORY).settings["pulls"] == {}

    @pytest.mark.parametrize("kind", [500, "drop"])
    def test_an_interrupted_proposal_goes_on_in_the_same_pull_request(
        self, hub: LoopbackHub, zoo: Path, tmp_path: Path, kind: str | int
    ) -> None:
        push(hub, zoo)
        wide = make_wide_zoo(tmp_path / "wide", splits=120)
        (wide / "labels.safetensors").write_bytes(b"changed")
        make_listed(wide, "labels.safetensors")
        hub.faults.add(kind, "^POST .*/commit/refs")
        with pytest.raises(ZooError) as error:
            publish(hub, wide, token=READER, pull_request=True)
        one_line(error)
        made = publish(hub, wide, token=READER, pull_request=True)
        repository = hub.repository(REPOSITORY)
        assert list(repository.settings["pulls"]) == ["1"]
        assert made.address.endswith("/discussions/1")
        assert is_whole(repository, made.commit)
        assert set(uploads(hub).values()) == {1}
        proposed = changes(repository, "refs/pr/1")[2:]
        assert [len(commit) for commit in proposed] == [50, 50, 21, 1]

    def test_a_pull_request_about_something_else_is_left_alone(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        push(hub, zoo)
        (zoo / "README.md").write_text("# another text\n")
        (zoo / "runs.parquet").write_bytes(b"PAR1 other runs")
        publish(hub, zoo, pull_request=True)
        made = publish(hub, other, token=READER, pull_request=True)
        assert made.address.endswith("/discussions/2")

    def test_there_must_be_a_repository_and_no_tag(self, hub: LoopbackHub, zoo: Path) -> None:
        with pytest.raises(ZooError, match="no such dataset repository") as error:
            publish(hub, zoo, pull_request=True)
        one_line(error)
        assert hub.faults.count("POST") == 0
        with pytest.raises(ZooError, match="takes no tag") as error:
            publish(hub, zoo, pull_request=True, tag="v1")
        one_line(error)
