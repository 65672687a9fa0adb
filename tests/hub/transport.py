"""The way between the application and its clients, on which requests are noted and spoiled."""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.hub.access import STALE
from tests.hub.faults import Exchange, Fault, Pause, rate_limited
from tests.hub.state import Hub

ELSEWHERE = ("/cdn/", "/lfs/")
"""What object stores answer, whose requests the Hub does not count."""

DROP = 10
"""Bytes that a dripping answer brings at once."""


class FaultyTransport:
    """Wraps an application: notes requests, and is late, strict or faulty as the state says."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        hub, headers = self._hub, Headers(scope=scope)
        line = f"{scope['method']} {scope['path']}"
        pause = hub.faults.pauses()
        exchange = Exchange(line, headers.get("range"), "authorization" in headers)
        hub.faults.exchanges.append(exchange)
        send = _noting(send, exchange)
        await pause(hub.latency)
        wait = None if scope["path"].startswith(ELSEWHERE) else hub.seconds_over_limit()
        if wait is not None and hub.rate_limit is not None:
            told = rate_limited(wait, *hub.rate_limit)
            await _refuse(429, "Too many requests", told)(scope, receive, send)
            return
        fault = hub.faults.take(line)
        if fault is not None:
            exchange.fault = fault.kind
            await self._spoiled(fault, pause, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _spoiled(
        self, fault: Fault, pause: Pause, scope: Scope, receive: Receive, send: Send
    ) -> None:
        match fault.kind:
            case int(status):
                await _refuse(status, "made to fail", fault.headers)(scope, receive, send)
                return
            case "loop":
                await RedirectResponse(scope["path"], 302)(scope, receive, send)
                return
            case "slow":
                await pause(fault.seconds)
            case "drip":
                send = _drip(send, fault.seconds, pause)
            case "alter":
                send = _alter(send, fault)
            case "stale":
                scope = {**scope, STALE: True}
            case "flip":
                send = _flip(send, fault.at)
            case "truncate":
                send = _truncate(send)
            case "stall":
                send = _stall(send, fault.seconds, pause)
            case "drop" if scope["method"] != "HEAD":
                send = _drop(send, fault.at)
        await self._app(scope, receive, send)


def _refuse(status: int, message: str, headers: dict) -> JSONResponse:
    return JSONResponse({"error": message}, status, dict(headers))


def _noting(send: Send, exchange: Exchange) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
        # Before it is sent: afterwards the client may look before it is noted.
        exchange.sent += len(message.get("body", b""))
        await send(message)

    return noted


def _length(message: Message) -> int:
    return int(Headers(raw=message["headers"]).get("content-length", 0))


def _with_length(message: Message, length: int) -> Message:
    others = [(key, value) for key, value in message["headers"] if key != b"content-length"]
    return {**message, "headers": [*others, (b"content-length", str(length).encode())]}


def _flip(send: Send, at: int) -> Send:
    passed = length = 0

    async def spoiled(message: Message) -> None:
        nonlocal passed, length
        if message["type"] == "http.response.start":
            length = _length(message)
        body = message.get("body", b"")
        if body and passed <= at % length < passed + len(body):
            spot = at % length - passed
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
            left = _length(message) // 2
            message = _with_length(message, left)
        else:
            body = message.get("body", b"")[:left]
            left -= len(body)
            message = {**message, "body": body}
        await send(message)

    return spoiled


def _drop(send: Send, at: int) -> Send:
    left = 0

    async def spoiled(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            length = _length(message)
            left = at % length if length else 0
            await send(message if length else _with_length(message, 1))
        elif left:
            body = message.get("body", b"")[:left]
            left -= len(body)
            # The end is never told, so the server closes the connection when the answer is over.
            await send({**message, "body": body, "more_body": True})

    return spoiled


def _stall(send: Send, seconds: float, pause: Pause) -> Send:
    before = 0

    async def spoiled(message: Message) -> None:
        nonlocal before
        if message["type"] == "http.response.start":
            before = _length(message) // 2
        elif before >= 0:
            body = message.get("body", b"")
            if len(body) >= before:
                first, rest = body[:before], body[before:]
                await send({**message, "body": first, "more_body": True})
                await pause(seconds)
                message = {**message, "body": rest}
            before -= max(len(body), 1)
        await send(message)

    return spoiled


def _drip(send: Send, seconds: float, pause: Pause) -> Send:
    async def spoiled(message: Message) -> None:
        body = message.get("body", b"")
        for start in range(0, len(body), DROP):
            await send({**message, "body": body[start : start + DROP], "more_body": True})
            await pause(seconds)
        await send({**message, "body": b""} if body else message)

    return spoiled


def _alter(send: Send, fault: Fault) -> Send:
    headers = {name.lower().encode(): value.encode() for name, value in fault.headers.items()}
    replaced = False

    async def spoiled(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start":
            others = [pair for pair in message["headers"] if pair[0] not in headers]
            message = {**message, "headers": [*others, *headers.items()]}
            if fault.body is not None:
                message = _with_length(message, len(fault.body))
        elif fault.body is not None:
            message = {**message, "body": b"" if replaced else fault.body}
            replaced = True
        await send(message)

    return spoiled
