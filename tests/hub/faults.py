"""What can be made to go wrong on the way, and a record of what was asked."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

ALWAYS = -1

Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""

KINDS = ("alter", "drip", "drop", "flip", "loop", "slow", "stale", "stall", "truncate")


@dataclass
class Fault:
    """One thing that goes wrong with the next `times` requests whose line matches `pattern`.

    Attributes:
        kind: what happens to the answer. Its body is changed: "flip" the lowest bit of one byte,
            or "truncate" it to half with a length that agrees. It breaks off: "drop" the
            connection after `at` bytes of a longer body (an answer without a body promises one
            byte). It comes late: "slow" by `seconds`, "stall" for so long midway, or "drip", a few
            bytes each time after so long. It is outdated: "stale", branches and tags name the
            commit before. It lies: "alter" gives it other `headers` and, unless that is None,
            another `body`. It leads nowhere: "loop" sends the reader to the same address again.
            Or an HTTP status is answered instead (429, 500, 502, 503, 504, ...).
        pattern: regular expression searched for in "GET /datasets/...".
        times: how often; ALWAYS for no end.
        at: which byte of the body, counted round and round if there are fewer.
        seconds: how late.
        headers: of the answer with an HTTP status, or those that are altered.
        body: of the altered answer; None: its own.
    """

    kind: str | int
    pattern: str
    times: int = 1
    at: int = 0
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass
class Exchange:
    """One request and what became of it.

    Attributes:
        line: method and path, "GET /datasets/...".
        range: the Range header.
        authorized: whether it carried a token.
        fault: kind of the fault it met.
        status: of the answer; None while there is none.
        sent: bytes of the answer's body so far.
    """

    line: str
    range: str | None = None
    authorized: bool = False
    fault: str | int | None = None
    status: int | None = None
    sent: int = 0


def retry_after(seconds: int) -> dict[str, str]:
    """Headers that ask to wait, as any server sends them."""
    return {"Retry-After": str(seconds)}


def rate_limited(seconds: int, requests: int = 1000, span: float = 300) -> dict[str, str]:
    """Headers that ask to wait, as the Hub sends them to those who exceed `requests` a `span`."""
    return {
        **retry_after(seconds),
        "RateLimit": f'"api";r=0;t={seconds}',
        "RateLimit-Policy": f'"fixed window";"api";q={requests};w={round(span)}',
    }


@dataclass
class Faults:
    """Faults waiting to happen, and the requests seen so far."""

    waiting: list[Fault] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    _cleared: int = 0

    def add(
        self,
        kind: str | int,
        pattern: str,
        times: int = 1,
        at: int = 0,
        *,
        seconds: float = 0.0,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        if not isinstance(kind, int) and kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)} and HTTP statuses")
        if kind in ("drip", "slow", "stall") and seconds <= 0:
            raise ValueError(f"a {kind} answer needs seconds")
        self.waiting.append(Fault(kind, pattern, times, at, seconds, headers or {}, body))

    @property
    def requests(self) -> list[str]:
        """The request lines."""
        return [exchange.line for exchange in self.exchanges]

    @property
    def ranges(self) -> list[str]:
        """The Range headers of the requests that had one."""
        return [exchange.range for exchange in self.exchanges if exchange.range]

    def matching(self, pattern: str) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if re.search(pattern, exchange.line)]

    def count(self, pattern: str) -> int:
        """How many requests matched."""
        return len(self.matching(pattern))

    def sent(self, pattern: str = "") -> int:
        """How many bytes of bodies were sent in answer to matching requests."""
        return sum(exchange.sent for exchange in self.matching(pattern))

    def clear(self) -> None:
        """Forget all; answers that are being kept waiting come at once."""
        self.waiting.clear()
        self.exchanges.clear()
        self._cleared += 1

    def take(self, line: str) -> Fault | None:
        """The fault this request meets, if any; one of its times is used up."""
        for fault in self.waiting:
            if fault.times != 0 and re.search(fault.pattern, line):
                fault.times -= fault.times > 0
                return fault
        return None

    def pauses(self) -> Pause:
        """How a request that begins now waits: no longer than until `clear` is called."""
        begun = self._cleared

        async def pause(seconds: float) -> None:
            loop = asyncio.get_running_loop()
            until = loop.time() + seconds
            while self._cleared == begun and (left := until - loop.time()) > 0:
                await asyncio.sleep(min(left, 0.05))

        return pause
