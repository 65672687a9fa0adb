"""A Hub that names no commits and no digests, or answers another commit than was asked for."""

from contextlib import suppress
from pathlib import Path

import pytest

from demogen.errors import ZooError
from demogen.hub import download
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import REPOSITORY, contents, make_later_zoo, one_line, pull, push

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
    pytest.mark.usefixtures("no_waiting"),
]

NO_COMMITS = ["../../../outside", "main", "a" * 39, "A" * 40, "a" * 41, "a" * 64, ""]

NO_DIGESTS = ['"../../outside"', '"/outside"', '"..\\\\outside"', '"short"', f'"{"a" * 63}"']


def written(place: Path) -> set[Path]:
    return {path for path in place.rglob("*") if "client-cache" not in path.parts}


@pytest.mark.parametrize("commit", NO_COMMITS)
@pytest.mark.parametrize("what", ["^HEAD", "^(HEAD|GET)"])
def test_what_is_no_commit_is_refused_before_anything_is_written(
    hub: LoopbackHub, zoo: Path, tmp_path: Path, commit: str, what: str
) -> None:
    push(hub, zoo)
    before = written(tmp_path)
    hub.faults.add("alter", f"{what} .*resolve", ALWAYS, headers={"X-Repo-Commit": commit})
    for call in (pull, lambda hub: download.resolve(REPOSITORY, endpoint=hub.endpoint)):
        with pytest.raises(ZooError, match="is answered as a commit, and it is none") as error:
            call(hub)
        assert REPOSITORY in one_line(error)
    assert written(tmp_path) == before
    assert not list((tmp_path / "client-cache").rglob("zoo.json"))


@pytest.mark.parametrize("digest", NO_DIGESTS)
@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag"])
def test_what_is_no_digest_is_refused_before_anything_is_written(
    hub: LoopbackHub, zoo: Path, tmp_path: Path, digest: str, header: str
) -> None:
    push(hub, zoo)
    before = written(tmp_path)
    hub.faults.add("alter", "^HEAD .*resolve", ALWAYS, headers={header: digest})
    with pytest.raises(ZooError, match="is answered as a digest, and it is none") as error:
        pull(hub)
    one_line(error)
    assert written(tmp_path) == before
    assert not list((tmp_path / "client-cache").rglob("zoo.json"))


class TestPinned:
    @pytest.fixture
    def commits(self, hub: LoopbackHub, zoo: Path, tmp_path: Path) -> tuple[str, str]:
        return push(hub, zoo), push(hub, make_later_zoo(tmp_path / "later"))

    @pytest.mark.parametrize("pattern", ["^HEAD", "^GET", "resolve"])
    def test_another_commit_than_the_pinned_is_refused(
        self, hub: LoopbackHub, commits: tuple[str, str], pattern: str
    ) -> None:
        asked, other = commits
        hub.faults.add("alter", f"{pattern}.*", ALWAYS, headers={"X-Repo-Commit": other})
        with pytest.raises(
            ZooError, match=f"{asked[:12]} was asked for, and another, {other[:12]}"
        ):
            pull(hub, revision=asked)
        hub.faults.clear()
        pull(hub, revision=asked)

    def test_a_short_commit_that_is_asked_for_is_looked_at_too(
        self, hub: LoopbackHub, commits: tuple[str, str]
    ) -> None:
        asked, other = commits
        hub.faults.add("alter", "^HEAD", ALWAYS, headers={"X-Repo-Commit": other})
        with pytest.raises(ZooError, match="no such branch|was asked for"):
            download.resolve(REPOSITORY, asked[:12], endpoint=hub.endpoint)


NONSENSE = {
    "no JSON": b"<html>",
    "an object": b"{}",
    "deep": b"[" * 20_000,
    "no files": b"[1, null]",
    "a path that is none": b'[{"type": "file", "path": 1, "size": 1, "oid": "' + b"0" * 40 + b'"}]',
    "a size that is none": b'[{"type": "file", "path": "a", "size": -1, "oid": ""}]',
    "a digest that is none": b'[{"type": "file", "path": "a", "size": 1, "oid": "../../x"}]',
    "an empty list": b"[]",
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_listing_that_cannot_be_right_loses_nothing_unnoticed(
    hub: LoopbackHub, zoo: Path, name: str
) -> None:
    commit = push(hub, zoo)
    hub.faults.add("alter", "/tree/|paths-info", ALWAYS, body=NONSENSE[name])
    with pytest.raises(ZooError) as error:
        pull(hub)
    assert REPOSITORY in one_line(error)
    with pytest.raises(ZooError) as error:
        push(hub, zoo, tag="v1")
    assert REPOSITORY in one_line(error)
    hub.faults.clear()
    assert contents(pull(hub)) == contents(zoo)
    assert hub.repository(REPOSITORY).resolve("main") == commit


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"1" * 5000, b'{"sha": 1}', b"\xff"])
def test_nonsense_of_the_api_is_a_clear_line(hub: LoopbackHub, zoo: Path, body: bytes) -> None:
    push(hub, zoo)
    for pattern in ("/api/datasets/ours/tiny(/revision.*)?$", "/refs", "/commit/", "/preupload/"):
        hub.faults.clear()
        hub.faults.add("alter", pattern, ALWAYS, body=body)
        (zoo / "README.md").write_text(f"# of {pattern}\n")
        for call in (lambda: pull(hub), lambda: push(hub, zoo, tag="v1", token=None)):
            # What does not matter to a call may be nonsense.
            with suppress(ZooError):
                call()


OTHER = "0" * 64


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "[]",
        "null",
        '{"objects": [{}]}',
        '{"objects": [3]}',
        f'{{"objects": [{{"oid": "{OTHER}", "size": 1}}]}}',
        f'{{"objects": [{{"oid": "{OTHER}", "size": 1, "actions": {{"upload": {{}}}}}}]}}',
        f'{{"objects": [{{"oid": "{OTHER}", "size": 1, "actions": {{"upload": 3}}}}]}}',
    ],
)
@pytest.mark.parametrize("pattern", ["/objects/batch", "/preupload/", "/commit/"])
def test_nonsense_met_while_sending_is_one_line_and_the_next_push_goes_through(
    hub: LoopbackHub, zoo: Path, answer: str, pattern: str
) -> None:
    hub.faults.add("alter", pattern, ALWAYS, body=answer.encode())
    with pytest.raises(ZooError) as error:
        push(hub, zoo)
    assert REPOSITORY in one_line(error) or str(zoo) in one_line(error)
    hub.faults.clear()
    push(hub, zoo)
    assert contents(pull(hub)) == contents(zoo)


def test_faults_of_our_own_code_are_not_the_hubs(
    hub: LoopbackHub, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr("demogen.hub.publishing.make_plan", wrong)
    with pytest.raises(KeyError, match="a mistake"):
        push(hub, zoo)
