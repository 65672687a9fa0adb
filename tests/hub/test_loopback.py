"""The Hub on loopback itself, asked by a bare HTTP client."""

import hashlib

import httpx2
import pytest

from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER, STRANGER, WRITER
from tests.hub.state import Hub
from tests.hub.store import Repository

NAME = "ours/things"
TEXT = b"some words\n"
LARGE = bytes(range(256)) * 12_000
TAR = "shards/00000.tar"
AT_MAIN = f"/datasets/{NAME}/resolve/main"


@pytest.fixture
def repository(hub: LoopbackHub) -> Repository:
    made = hub.state.store.create(NAME)
    files = {"words.txt": made.add(TEXT), TAR: made.add_large(LARGE)}
    made.commit("main", files, "by hand")
    return made


@pytest.fixture
def client(hub: LoopbackHub):
    # Plain HTTP: without the certificates of the world, whose reading takes longer than a test.
    with httpx2.Client(base_url=hub.endpoint, timeout=20, verify=False) as client:
        yield client


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class TestContents:
    def test_headers_say_what_is_sent(self, repository: Repository, client: httpx2.Client) -> None:
        answer = client.get(f"{AT_MAIN}/{TAR}")
        sha256 = hashlib.sha256(LARGE).hexdigest()
        assert answer.content == LARGE
        assert answer.headers["X-Repo-Commit"] == repository.resolve("main")
        assert answer.headers["ETag"] == answer.headers["X-Linked-Etag"] == f'"{sha256}"'
        assert answer.headers["X-Linked-Size"] == str(len(LARGE))
        assert answer.headers["Accept-Ranges"] == "bytes"
        small = client.get(f"{AT_MAIN}/words.txt")
        oid = hashlib.sha1(b"blob %d\0" % len(TEXT) + TEXT).hexdigest()
        assert small.headers["ETag"] == f'"{oid}"'
        assert "X-Linked-Etag" not in small.headers

    @pytest.mark.parametrize(
        ("asked", "start", "end"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=1000-1999", 1000, 2000),
            ("bytes=1048570-2097160", 1_048_570, 2_097_161),
            ("bytes=3071000-", 3_071_000, len(LARGE)),
            ("bytes=-7", len(LARGE) - 7, len(LARGE)),
            ("bytes=3071990-9999999", 3_071_990, len(LARGE)),
        ],
    )
    @pytest.mark.usefixtures("repository")
    def test_a_range_is_those_bytes(
        self, client: httpx2.Client, asked: str, start: int, end: int
    ) -> None:
        answer = client.get(f"{AT_MAIN}/{TAR}", headers={"Range": asked})
        assert answer.status_code == 206
        assert answer.content == LARGE[start:end]
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"
        assert answer.headers["Content-Length"] == str(end - start)

    @pytest.mark.usefixtures("repository")
    def test_a_range_beyond_the_end_is_refused(self, client: httpx2.Client) -> None:
        asked = {"Range": f"bytes={len(LARGE)}-{len(LARGE) + 5}"}
        answer = client.get(f"{AT_MAIN}/{TAR}", headers=asked)
        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(LARGE)}"

    @pytest.mark.usefixtures("repository")
    def test_a_head_tells_the_size_and_opens_nothing(
        self, hub: LoopbackHub, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("contents were opened")

        monkeypatch.setattr("starlette.responses.anyio.open_file", refuse)
        answer = client.head(f"{AT_MAIN}/{TAR}")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(LARGE))
        assert hub.faults.sent() == 0

    def test_what_is_missing_is_named(self, repository: Repository, client: httpx2.Client) -> None:
        absent = client.get(f"{AT_MAIN}/absent.txt")
        assert (absent.status_code, absent.headers["X-Error-Code"]) == (404, "EntryNotFound")
        assert absent.headers["X-Repo-Commit"] == repository.resolve("main")
        unnamed = client.get(f"/datasets/{NAME}/resolve/v9/words.txt")
        assert (unnamed.status_code, unnamed.headers["X-Error-Code"]) == (404, "RevisionNotFound")
        nowhere = client.get(f"/api/datasets/{NAME}/tree/main/nowhere")
        assert (nowhere.status_code, nowhere.headers["X-Error-Code"]) == (404, "EntryNotFound")

    def test_a_revision_may_hold_slashes_and_a_name_may_hold_escapes(
        self, repository: Repository, client: httpx2.Client
    ) -> None:
        files = repository.files(repository.resolve("main"))
        files["a%2Fb c.txt"] = repository.add(b"odd")
        repository.commit("draft/one", files, "by hand")
        answer = client.get(f"/datasets/{NAME}/resolve/draft%2Fone/a%252Fb%20c.txt")
        assert answer.content == b"odd"


class TestRights:
    """As the Hub answers: (token, status and X-Error-Code for the tree, the same for contents)."""

    @pytest.mark.parametrize(
        ("kind", "token", "seen", "read"),
        [
            ("open", None, (200, None), (200, None)),
            ("open", "hf_of_nobody", (401, None), (401, None)),
            ("private", None, (401, "RepoNotFound"), (401, "RepoNotFound")),
            ("private", STRANGER, (404, "RepoNotFound"), (404, "RepoNotFound")),
            ("private", "hf_of_nobody", (401, None), (401, None)),
            ("private", READER, (200, None), (200, None)),
            ("gated", None, (200, None), (401, "GatedRepo")),
            ("gated", STRANGER, (200, None), (403, "GatedRepo")),
            ("gated", "hf_of_nobody", (401, None), (401, None)),
            ("gated", READER, (200, None), (200, None)),
            ("absent", None, (401, "RepoNotFound"), (401, "RepoNotFound")),
            ("absent", READER, (404, "RepoNotFound"), (404, "RepoNotFound")),
        ],
    )
    @pytest.mark.parametrize("redirect", [False, True])
    def test_reading(
        self,
        hub: LoopbackHub,
        repository: Repository,
        client: httpx2.Client,
        kind: str,
        token: str | None,
        seen: tuple[int, str | None],
        read: tuple[int, str | None],
        redirect: bool,
    ) -> None:
        hub.state.redirect = redirect
        repository.configure(private=kind == "private", gated="auto" if kind == "gated" else False)
        if kind == "absent":
            hub.state.store.delete(NAME)
        headers = bearing(token) if token else {}
        for path, expected in (
            (f"/api/datasets/{NAME}/tree/main", seen),
            (f"{AT_MAIN}/{TAR}", read),
        ):
            answer = client.get(path, headers=headers, follow_redirects=True)
            assert (answer.status_code, answer.headers.get("X-Error-Code")) == expected
            assert token is None or token not in answer.text

    @pytest.mark.parametrize(("token", "status"), [(None, 401), (STRANGER, 403), (READER, 403)])
    @pytest.mark.parametrize("place", ["preupload/main", "commit/main", "tag/main", "branch/new"])
    def test_changing_needs_write_access(
        self, client: httpx2.Client, repository: Repository, token: str, status: int, place: str
    ) -> None:
        headers = bearing(token) if token else {}
        before = repository.settings
        body = {"files": [], "tag": "v1"}
        answer = client.post(f"/api/datasets/{NAME}/{place}", headers=headers, json=body)
        assert answer.status_code == status
        assert repository.settings == before


class TestRedirect:
    @pytest.fixture(autouse=True)
    def redirecting(self, hub: LoopbackHub, repository: Repository) -> None:
        hub.state.redirect = True

    def test_large_files_lie_on_another_host(
        self, hub: LoopbackHub, repository: Repository, client: httpx2.Client
    ) -> None:
        answer = client.get(f"{AT_MAIN}/{TAR}")
        assert answer.status_code == 302
        assert answer.headers["X-Repo-Commit"] == repository.resolve("main")
        assert answer.headers["X-Linked-Size"] == str(len(LARGE))
        assert answer.headers["X-Linked-Etag"] == f'"{hashlib.sha256(LARGE).hexdigest()}"'
        place = httpx2.URL(answer.headers["Location"])
        assert (place.host, place.port) == ("localhost", client.base_url.port)
        assert place.path.startswith("/cdn/")
        assert client.get(f"{AT_MAIN}/words.txt").status_code == 200

    def test_a_client_leaves_its_token_behind(
        self, hub: LoopbackHub, client: httpx2.Client
    ) -> None:
        headers = {**bearing(READER), "Range": "bytes=5-9"}
        answer = client.get(f"{AT_MAIN}/{TAR}", headers=headers, follow_redirects=True)
        assert (answer.status_code, answer.content) == (206, LARGE[5:10])
        asked = [(e.line.split("/")[1], e.authorized, e.range) for e in hub.faults.exchanges]
        assert asked == [("datasets", True, "bytes=5-9"), ("cdn", False, "bytes=5-9")]

    def test_the_other_host_refuses_tokens_and_unsigned_addresses(
        self, hub: LoopbackHub, client: httpx2.Client
    ) -> None:
        place = client.get(f"{AT_MAIN}/{TAR}").headers["Location"]
        assert client.get(place, headers=bearing(WRITER)).status_code == 400
        assert client.get(place.partition("?")[0]).status_code == 403
        assert client.get(place).content == LARGE
        hub.state.tickets.clear()
        assert client.get(place).status_code == 403


class TestRateLimit:
    def test_beyond_it_the_caller_is_told_when_to_return(
        self, hub: LoopbackHub, repository: Repository, client: httpx2.Client
    ) -> None:
        now = 100.0
        hub.state.clock = lambda: now
        hub.state.rate_limit = (2, 60)
        path = f"{AT_MAIN}/words.txt"
        assert [client.get(path).status_code for _ in range(2)] == [200, 200]
        now += 14.5
        refused = client.get(path)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "46"
        assert refused.headers["RateLimit"] == '"api";r=0;t=46'
        assert refused.headers["RateLimit-Policy"] == '"fixed window";"api";q=2;w=60'
        now += 46
        assert [client.get(path).status_code for _ in range(3)] == [200, 200, 429]

    def test_a_whole_span_is_waited_for_however_large_the_clock(self, hub: LoopbackHub) -> None:
        hub.state.clock, hub.state.rate_limit = lambda: 65500.260275078, (0, 60)
        assert hub.state.seconds_over_limit() == 60

    def test_contents_on_other_hosts_do_not_count(
        self, hub: LoopbackHub, repository: Repository, client: httpx2.Client
    ) -> None:
        hub.state.redirect = True
        place = client.get(f"{AT_MAIN}/{TAR}").headers["Location"]
        hub.state.rate_limit = (0, 60)
        assert client.get(f"{AT_MAIN}/{TAR}").status_code == 429
        assert client.get(place).content == LARGE

    def test_a_reset_hub_has_no_limit_and_no_memory(self, hub: LoopbackHub, tmp_path) -> None:
        state = hub.state
        state.rate_limit, state.latency, state.redirect, state.page = (0, 60), 1.0, True, 3
        assert state.seconds_over_limit() == 60
        state.reset(tmp_path / "again")
        fresh = Hub(state.store, faults=state.faults)
        assert state == fresh
        assert state.seconds_over_limit() is None
