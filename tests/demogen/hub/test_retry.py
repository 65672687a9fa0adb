"""Which requests are made again, how often, and how long is waited before."""

from types import SimpleNamespace

import httpx2
import pytest

from demogen.hub import retry


def rate_limited_headers(remaining, seconds):
    return {"ratelimit": f'"api";r={remaining};t={seconds}'}


class RefusalError(Exception):
    """What a client raises where the Hub responds with an error."""

    def __init__(self, status, **headers):
        where = SimpleNamespace(host="hub.example")
        self.response = SimpleNamespace(status_code=status, headers=headers, url=where)


class Requests:
    """A request that raises these errors one after the other, and then succeeds."""

    def __init__(self, *errors):
        self.errors, self.made = list(errors), 0

    def __call__(self):
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def pauses(monkeypatch):
    seconds = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


class TestRetries:
    def test_a_fault_that_passes_is_got_over_with_the_pauses_that_are_asked_for(self, pauses):
        request = Requests(RefusalError(503), RefusalError(429, **{"retry-after": "7"}))
        assert retry.with_retries(request) == "done"
        assert request.made == 3
        assert 0.5 <= pauses[0] <= 0.75
        assert 7 <= pauses[1] <= 10.5

    def test_tries_are_bounded(self, pauses):
        request = Requests(*[RefusalError(500)] * 99)
        with pytest.raises(RefusalError):
            retry.with_retries(request)
        assert request.made == retry.TRIES == len(pauses) + 1

    @pytest.mark.parametrize(
        "error", [RefusalError(404), ConnectionError("reset"), ValueError("no")]
    )
    def test_what_does_not_pass_is_raised_at_once(self, pauses, error):
        request = Requests(error)
        with pytest.raises(type(error)):
            retry.with_retries(request)
        assert (request.made, pauses) == (1, [])

    def test_a_request_that_writes_is_repeated_only_if_it_was_not_looked_at(self, pauses):
        assert retry.with_retries(Requests(RefusalError(503)), retry.REFUSED) == "done"
        with pytest.raises(RefusalError):
            retry.with_retries(Requests(RefusalError(500)), retry.REFUSED)

    def test_a_connection_that_broke_off_is_tried_again_for_what_reads_alone(self, pauses):
        broken = httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        assert retry.with_retries(Requests(broken)) == "done"
        writing = Requests(broken)
        with pytest.raises(httpx2.RemoteProtocolError):
            retry.with_retries(writing, retry.REFUSED)
        assert (writing.made, len(pauses)) == (1, 1)

    def test_the_caller_may_tell_what_passes(self, pauses):
        request = Requests(ConnectionError("reset"), ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            retry.with_retries(request, may_pass=lambda error: isinstance(error, ConnectionError))
        assert request.made == 2


class TestPauses:
    def test_they_grow_follow_the_headers_and_are_bounded(self):
        assert 0.5 <= retry.pause(1) <= 0.75
        assert 4 <= retry.pause(4) <= 6
        assert retry.pause(60) <= 1.5 * retry.LONGEST
        assert 7 <= retry.pause(1, {"retry-after": "7"}) <= 10.5
        assert 9 <= retry.pause(1, rate_limited_headers(0, 9)) <= 13.5
        assert retry.pause(1, rate_limited_headers(3, 9)) <= 0.75
        assert retry.pause(1, {"retry-after": "86400"}) <= 1.5 * retry.LONGEST
        assert retry.pause(1, {"retry-after": "Sat, 21 Nov 2026 10:00:00 GMT"}) <= 0.75

    def test_they_differ(self):
        assert len({retry.pause(3) for _ in range(20)}) > 1
