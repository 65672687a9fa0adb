"""What a Hub names is checked before anything is made of it."""

import json
from pathlib import Path

import httpx2
import pytest

from demogen.errors import ZooError
from demogen.hub import answers, download
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import REPOSITORY, contents, one_line, pull, push

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

STRANGE = ["../../../escaped", "main", "", "0" * 39, "0" * 41, "F" * 40, "٣" * 40, "0" * 39 + "\n"]


def response(path: str, content: object = None, **headers: str) -> httpx2.Response:
    request = httpx2.Request("GET", f"http://127.0.0.1:9{path}")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(200, headers=named, request=request, json=content)


RESOLVED = f"/datasets/ours/tiny/resolve/{'a' * 40}/zoo.json"
TREE = f"/api/datasets/ours/tiny/tree/{'a' * 40}"
FILE = {"type": "file", "path": "zoo.json", "size": 3, "oid": "b" * 40}


def check(path: str, content: object) -> None:
    told = response(path)
    assert answers.needs_content(told)
    answers.check_content(told, json.dumps(content).encode())


class TestHeaders:
    @pytest.mark.parametrize("commit", STRANGE)
    def test_a_commit_is_40_hex_digits(self, commit):
        with pytest.raises(ZooError, match="answered as a commit"):
            answers.check_commit(commit, "a commit")

    @pytest.mark.parametrize("name", ["etag", "x_linked_etag"])
    @pytest.mark.parametrize("tag", ['"../../escaped"', '"main"', '"' + "0" * 63 + '"', ""])
    def test_a_digest_is_40_or_64(self, name, tag):
        with pytest.raises(ZooError, match="answered as a digest"):
            answers.check_headers(response(RESOLVED, x_repo_commit="a" * 40, **{name: tag}))

    @pytest.mark.parametrize("path", [RESOLVED, TREE, f"{TREE}/shards"])
    def test_a_pinned_commit_is_that_commit(self, path):
        answers.check_headers(response(path, x_repo_commit="a" * 40, etag=f'W/"{"b" * 64}"'))
        with pytest.raises(ZooError, match=r"aaaaaaaaaaaa was asked for, and another, bbbbbbbb"):
            answers.check_headers(response(path, x_repo_commit="b" * 40))

    def test_a_branch_may_be_any(self):
        path = "/datasets/ours/tiny/resolve/main/zoo.json"
        answers.check_headers(response(path, x_repo_commit="b" * 40))


class TestContent:
    def test_what_the_hub_answers_passes(self):
        check(TREE, [FILE, {"type": "directory", "path": "shards", "oid": "0" * 40}])
        check("/api/datasets/ours/tiny/revision/main", {"sha": "a" * 40, "siblings": []})
        check(
            "/api/datasets/ours/tiny/refs", {"tags": [{"targetCommit": "a" * 40}], "converts": []}
        )

    @pytest.mark.parametrize("answer", [{}, "no", 3, None, [3], [{}], [{"type": "file"}]])
    def test_a_listing_is_a_list_of_files(self, answer):
        with pytest.raises(ZooError, match="list of files"):
            check(TREE, answer)

    @pytest.mark.parametrize(
        "wrong",
        [
            *({"oid": strange} for strange in (*STRANGE, None, 3)),
            *({"lfs": {"oid": strange}} for strange in (*STRANGE, 3)),
            *({"size": size} for size in (-1, True, 1.5, "3", None)),
        ],
    )
    def test_digests_and_sizes_are_such(self, wrong):
        with pytest.raises(ZooError, match="answered as a (digest|size), and it is none"):
            check(TREE, [FILE | wrong])

    @pytest.mark.parametrize("commit", [*STRANGE, None, 3, ["a" * 40]])
    def test_commits_are_such(self, commit):
        for path, answer in {
            "/api/datasets/ours/tiny": {"sha": commit},
            "/api/datasets/ours/tiny/refs": {"tags": [{"targetCommit": commit}]},
            "/api/datasets/ours/tiny/commit/main": {"commitOid": commit},
        }.items():
            with pytest.raises(ZooError, match="answered as a commit, and it is none"):
                check(path, answer)

    @pytest.mark.parametrize("answer", [[], 3, {"tags": {}}, {"branches": [3]}])
    def test_another_shape_is_refused(self, answer):
        with pytest.raises(ZooError, match="the answer is no object|the list of .* is none"):
            check("/api/datasets/ours/tiny/refs", answer)

    def test_another_commit_is_refused(self):
        with pytest.raises(ZooError, match="another, bbbbbbbbbbbb, is answered"):
            check(f"/api/datasets/ours/tiny/revision/{'a' * 40}", {"sha": "b" * 40})


class TestWithTheClient:
    """The Hub itself lies, through the client, and nothing is written."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [("X-Repo-Commit", "../../escaped"), ("ETag", '"../../../escaped"'), ("ETag", '"x"')],
    )
    def test_nothing_is_written(
        self, hub: LoopbackHub, zoo: Path, tmp_path: Path, name: str, value: str
    ) -> None:
        push(hub, zoo)
        before = contents(tmp_path)
        hub.faults.add("alter", "/resolve/", times=ALWAYS, headers={name: value})
        with pytest.raises(ZooError, match="is answered as a (commit|digest), and it is none") as e:
            pull(hub)
        assert hub.endpoint in one_line(e)
        assert contents(tmp_path) == before

    def test_another_commit_than_the_pinned_is_refused(
        self, hub: LoopbackHub, zoo: Path, other: Path
    ) -> None:
        first = push(hub, zoo)
        second = push(hub, other)
        hub.faults.add("alter", "/resolve/", times=ALWAYS, headers={"X-Repo-Commit": first})
        said = f"{second[:12]} was asked for, and another, {first[:12]}"
        with pytest.raises(ZooError, match=said):
            download.resolve(REPOSITORY, second, endpoint=hub.endpoint)

    @pytest.mark.parametrize("body", [b"{}", b"[]"])
    def test_a_listing_that_is_none_loses_nothing_silently(
        self, hub: LoopbackHub, zoo: Path, body: bytes
    ) -> None:
        push(hub, zoo)
        hub.faults.add("alter", "/tree/", times=ALWAYS, body=body)
        with pytest.raises(ZooError, match=r"the list of files (is none|at .* lacks zoo\.json)"):
            pull(hub)
        hub.faults.clear()
        assert contents(pull(hub)) == contents(zoo)

    @pytest.mark.parametrize("path", ["zoo.json", "README.md"])
    def test_a_false_digest_does_not_stay_in_the_cache(
        self, hub: LoopbackHub, zoo: Path, path: str
    ) -> None:
        push(hub, zoo)
        hub.faults.add("alter", f"/{path}", times=ALWAYS, headers={"ETag": f'"{"0" * 40}"'})
        with pytest.raises(ZooError, match=f"{path} arrives damaged"):
            pull(hub)
        hub.faults.clear()
        assert contents(pull(hub)) == contents(zoo)


class TestWords:
    """A redirect without end, a reset and a lost object are called what they are."""

    @pytest.mark.usefixtures("no_waiting")
    def test_a_redirect_loop(self, hub: LoopbackHub, zoo: Path) -> None:
        push(hub, zoo)
        hub.faults.add("loop", "^GET .*/shards/", times=ALWAYS)
        with pytest.raises(ZooError, match="sends from one address to the next without end") as e:
            pull(hub)
        assert "reached" not in one_line(e)

    @pytest.mark.usefixtures("no_waiting")
    def test_a_lost_object(self, hub: LoopbackHub, zoo: Path) -> None:
        push(hub, zoo)
        hub.state.redirect = True
        hub.faults.add(404, "/cdn/", times=ALWAYS)
        with pytest.raises(ZooError, match="has lost the content of a file") as error:
            pull(hub)
        assert "no such dataset" not in one_line(error)
