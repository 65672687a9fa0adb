"""Every fault strikes as often, where and how it is told."""

import http.client

import httpx2
import pytest

from tests.hub.faults import ALWAYS, KINDS, Faults, rate_limited, retry_after
from tests.hub.fixtures import LoopbackHub
from tests.hub.server import READER
from tests.hub.store import Repository

NAME = "ours/things"
BODY = bytes(range(256)) * 10_000
PATH = f"/datasets/{NAME}/resolve/main/a.tar"
RANGE = {"Range": "bytes=1000-1999"}
PART = BODY[1000:2000]

IN_FULL_AND_IN_PART = pytest.mark.parametrize(
    ("headers", "body"), [({}, BODY), (RANGE, PART)], ids=["whole", "range"]
)


@pytest.fixture
def repository(hub: LoopbackHub) -> Repository:
    made = hub.state.store.create(NAME)
    made.commit("main", {"a.tar": made.add_large(BODY)}, "by hand")
    return made


@pytest.fixture
def client(hub: LoopbackHub, repository: Repository):
    # Plain HTTP: without the certificates of the world, whose reading takes longer than a test.
    with httpx2.Client(base_url=hub.endpoint, timeout=20, verify=False) as client:
        yield client


def read_into(got: bytearray, answer: httpx2.Response) -> None:
    for piece in answer.iter_raw():
        got += piece


@IN_FULL_AND_IN_PART
class TestSpoiledBodies:
    @pytest.mark.parametrize("at", [0, 999, 1_500_000])
    def test_flip_changes_one_bit(self, hub, client, headers, body, at) -> None:
        hub.faults.add("flip", "^GET", at=at)
        got = client.get(PATH, headers=headers).content
        assert len(got) == len(body)
        spot = at % len(body)
        assert [n for n in range(len(body)) if got[n] != body[n]] == [spot]
        assert got[spot] ^ body[spot] == 1
        assert client.get(PATH, headers=headers).content == body

    def test_truncate_halves_with_a_length_that_agrees(self, hub, client, headers, body) -> None:
        hub.faults.add("truncate", "^GET")
        assert client.get(PATH, headers=headers).content == body[: len(body) // 2]
        assert hub.faults.sent() == len(body) // 2
        assert client.get(PATH, headers=headers).content == body

    @pytest.mark.parametrize("at", [0, 1, 700, 2_000_001])
    def test_drop_closes_the_connection_before_the_end(
        self, hub, client, headers, body, at
    ) -> None:
        hub.faults.add("drop", "^GET", at=at)
        got = bytearray()
        with client.stream("GET", PATH, headers=headers) as answer:
            assert answer.headers["Content-Length"] == str(len(body))
            with pytest.raises(httpx2.RemoteProtocolError, match="peer closed connection"):
                read_into(got, answer)
        assert got == body[: at % len(body)]
        assert client.get(PATH, headers=headers).content == body

    def test_stall_stops_midway_until_the_client_gives_up(self, hub, client, headers, body) -> None:
        hub.faults.add("stall", "^GET", seconds=60)
        got = bytearray()
        with (
            client.stream("GET", PATH, headers=headers, timeout=0.2) as answer,
            pytest.raises(httpx2.ReadTimeout),
        ):
            read_into(got, answer)
        assert got == body[: len(body) // 2]

    def test_stall_goes_on_after_its_time(self, hub, client, headers, body) -> None:
        hub.faults.add("stall", "^GET", seconds=0.01)
        assert client.get(PATH, headers=headers).content == body
        assert hub.faults.exchanges[0].fault == "stall"


class TestRefusals:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_a_status_is_answered_instead(self, hub, client, status) -> None:
        hub.faults.add(status, "^GET .*/resolve/", times=2)
        assert [client.get(PATH).status_code for _ in range(3)] == [status, status, 200]

    def test_headers_say_how_long_to_wait(self, hub, client) -> None:
        hub.faults.add(429, "^GET", headers=retry_after(7))
        hub.faults.add(429, "^GET", headers=rate_limited(9))
        plain, limited = client.get(PATH).headers, client.get(PATH).headers
        assert (plain["Retry-After"], plain.get("RateLimit")) == ("7", None)
        assert (limited["Retry-After"], limited["RateLimit"]) == ("9", '"api";r=0;t=9')

    def test_an_upload_that_is_refused_is_not_cut_off(self, hub, client) -> None:
        hub.faults.add(503, "^PUT")
        # Of the standard library, for it does not forgive a connection that is reset meanwhile.
        connection = http.client.HTTPConnection(client.base_url.netloc.decode(), timeout=20)
        connection.request("PUT", "/lfs/ticket/0", body=b"x" * 20_000_000)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (503, b'{"error":"made to fail"}')
        connection.close()

    def test_a_dropped_answer_without_a_body_is_no_answer(self, hub, client) -> None:
        hub.state.tickets.add("ticket")
        hub.faults.add("drop", "^PUT")
        oid = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        with pytest.raises(httpx2.RemoteProtocolError):
            client.put(f"/lfs/ticket/{oid}", content=b"test")
        assert hub.state.store.has(oid)


class TestLateness:
    @pytest.mark.parametrize("method", ["HEAD", "GET"])
    def test_slow_is_longer_than_the_client_waits(self, hub, client, method) -> None:
        hub.faults.add("slow", f"^{method}", seconds=60)
        with pytest.raises(httpx2.ReadTimeout):
            client.request(method, PATH, timeout=0.1)
        assert client.request(method, PATH, timeout=20).status_code == 200

    def test_latency_holds_up_every_answer(self, hub, client) -> None:
        hub.state.latency = 60
        for path in (PATH, f"/api/datasets/{NAME}"):
            with pytest.raises(httpx2.ReadTimeout):
                client.get(path, timeout=0.1)

    def test_clearing_lets_waiting_answers_go(self, hub, client) -> None:
        hub.faults.add("stall", "^GET", seconds=3600)
        with client.stream("GET", PATH, headers=RANGE) as answer:
            pieces = answer.iter_raw()
            got = next(pieces)
            hub.faults.clear()
            assert got + b"".join(pieces) == PART


class TestLies:
    def test_alter_gives_other_headers(self, hub, client) -> None:
        # Always: a request that was given up before may only now be answered, and meet it first.
        hub.faults.add("alter", "^GET", ALWAYS, headers={"X-Repo-Commit": "of another"})
        answer = client.get(PATH)
        assert (answer.headers["X-Repo-Commit"], answer.content) == ("of another", BODY)

    def test_alter_gives_another_body(self, hub, client) -> None:
        hub.faults.add("alter", "^GET", ALWAYS, body=b"{}")
        assert client.get(PATH).content == b"{}"
        hub.faults.clear()
        assert client.get(PATH).content == BODY

    def test_loop_leads_to_where_one_is(self, hub, client) -> None:
        hub.faults.add("loop", "^GET", times=ALWAYS)
        with pytest.raises(httpx2.TooManyRedirects):
            client.get(PATH, follow_redirects=True)

    def test_drip_brings_little_at_a_time(self, hub, client) -> None:
        hub.faults.add("drip", "^GET", seconds=60)
        with client.stream("GET", PATH, headers=RANGE) as answer:
            pieces = answer.iter_raw()
            got = next(pieces)
            assert got == PART[:10]
            hub.faults.clear()
            assert got + b"".join(pieces) == PART


class TestStale:
    @pytest.fixture
    def newest(self, repository: Repository) -> str:
        old = repository.resolve("main")
        repository.configure(tags={"v1": old})
        made = repository.commit("main", {"a.tar": repository.add_large(b"new")}, "later")
        repository.configure(tags={"v1": old, "v2": made})
        return made

    def test_branches_and_tags_name_the_commit_before(
        self, hub, client, repository, newest
    ) -> None:
        old = repository.parent(newest)
        hub.faults.add("stale", "^(GET|HEAD|POST)", times=ALWAYS)
        for name in ("main", "v2"):
            answer = client.get(f"/datasets/{NAME}/resolve/{name}/a.tar")
            assert (answer.headers["X-Repo-Commit"], answer.content) == (old, BODY)
            assert client.get(f"/api/datasets/{NAME}/revision/{name}").json()["sha"] == old
            (listed,) = client.get(f"/api/datasets/{NAME}/tree/{name}").json()
            assert listed["size"] == len(BODY)
        named = client.get(f"/api/datasets/{NAME}/refs").json()
        assert [ref["targetCommit"] for ref in named["branches"]] == [old]
        hub.faults.clear()
        assert client.get(PATH).content == b"new"

    def test_a_commit_is_that_commit(self, hub, client, newest) -> None:
        hub.faults.add("stale", "^GET", times=ALWAYS)
        assert client.get(f"/datasets/{NAME}/resolve/{newest}/a.tar").content == b"new"


class TestRecord:
    def test_of_every_request(self, hub, client) -> None:
        hub.faults.add("flip", "^GET")
        client.get(PATH, headers={"Authorization": f"Bearer {READER}"})
        client.get(PATH, headers=RANGE)
        client.head(PATH)
        first, second, third = hub.faults.exchanges
        assert (first.fault, first.authorized, first.status) == ("flip", True, 200)
        assert (second.fault, second.authorized, second.status) == (None, False, 206)
        assert hub.faults.requests == [f"GET {PATH}"] * 2 + [f"HEAD {PATH}"]
        assert hub.faults.ranges == ["bytes=1000-1999"]
        assert (first.sent, second.sent, third.sent) == (len(BODY), 1000, 0)
        assert hub.faults.sent("^GET") == len(BODY) + 1000
        assert hub.faults.count("resolve") == 3

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_fault_strikes_as_often_as_told_and_where(self, kind) -> None:
        faults = Faults()
        faults.add(kind, "^GET /a$", times=2, seconds=1)
        met = [faults.take(line) for line in ("GET /b", "GET /a", "HEAD /a", "GET /a", "GET /a")]
        assert [fault and fault.kind for fault in met] == [None, kind, None, kind, None]

    def test_an_unknown_fault_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no fault 'melt'; there are alter, drip"):
            Faults().add("melt", "^GET")
        with pytest.raises(ValueError, match="needs seconds"):
            Faults().add("slow", "^GET")
