"""What can be made to go wrong on the way, and a record of what was asked."""

import re
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = -1


@dataclass
class Fault:
    """One thing that goes wrong with the next `times` requests whose line matches `pattern`.

    Attributes:
        kind: "flip" the lowest bit of one byte of an answer's body; "truncate" it to half, with a
            length that agrees; or an HTTP status to answer instead (500, 503, 429, ...).
        pattern: regular expression searched for in "GET /datasets/...".
        times: how often; ALWAYS for no end.
        at: which byte to flip.
    """

    kind: str | int
    pattern: str
    times: int = 1
    at: int = 0


@dataclass
class Faults:
    """Faults waiting to happen, and the request lines seen so far."""

    waiting: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def add(self, kind: str | int, pattern: str, times: int = 1, at: int = 0) -> None:
        self.waiting.append(Fault(kind, pattern, times, at))

    def count(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(bool(re.search(pattern, line)) for line in self.requests)

    def clear(self) -> None:
        self.waiting.clear()
        self.requests.clear()

    def take(self, line: str) -> Fault | None:
        """The fault this request meets, if any; one of its times is used up."""
        for fault in self.waiting:
            if fault.times != 0 and re.search(fault.pattern, line):
                fault.times -= fault.times > 0
                return fault
        return None


class FaultyTransport:
    """Wraps an application: writes requests down and spoils what `faults` says."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = f"{scope['method']} {scope['path']}"
        self._faults.requests.append(line)
        fault = self._faults.take(line)
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "flip":
            await self._app(scope, receive, _flip(send, fault.at))
        elif fault.kind == "truncate":
            await self._app(scope, receive, _truncate(send))
        else:
            answer = JSONResponse({"error": "made to fail"}, status_code=int(fault.kind))
            await answer(scope, receive, send)


def _flip(send: Send, at: int) -> Send:
    passed = 0

    async def spoiled(message: Message) -> None:
        nonlocal passed
        body = message.get("body", b"")
        if passed <= at < passed + len(body):
            spot = at - passed
            body = body[:spot] + bytes([body[spot] ^ 1]) + body[spot + 1 :]
            message = {**message, "body": body}
        passed += len(body)
        await send(message)

    return spoiled


def _truncate(send: Send) -> Send:
    left = 0

    async def spoiled(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            left = int(headers[b"content-length"]) // 2
            headers[b"content-length"] = str(left).encode()
            message = {**message, "headers": list(headers.items())}
        else:
            body: Any = message.get("body", b"")[:left]
            left -= len(body)
            message = {**message, "body": body}
        await send(message)

    return spoiled
