"""Which requests are made again after a failure, how often, and after which pause."""

import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from huggingface_hub.utils import parse_ratelimit_headers

from demogen._util.text import one_line
from demogen.hub.errors import is_broken, response_of

Response = TypeVar("Response")

TRIES = 6
"""Requests made for one thing before its failure is taken for lasting."""

FIRST = 0.5
LONGEST = 60.0
"""Seconds: the first pause, doubled each time, and the longest, whatever a server asks for."""

SHORT = 1.0
"""Seconds: shorter pauses go by without a word."""

_LOGGER = logging.getLogger("demogen.hub")

FLEETING = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses that another try may get over."""

REFUSED = frozenset({429, 503})
"""HTTP statuses of requests that the Hub did not look at, so that repeating them changes nothing
twice."""


def with_retries(
    request: Callable[[], Response],
    statuses: Collection[int] = FLEETING,
    *,
    may_pass: Callable[[Exception], bool] | None = None,
) -> Response:
    """Make a request up to `TRIES` times, with pauses, as long as its error may pass.

    Args:
        request: called again after an error that may pass.
        statuses: HTTP statuses of errors that may pass. The default is for requests that only
            read, and are made again where the connection broke off, too; those that write are
            repeated on `REFUSED` alone.
        may_pass: tells which errors may pass instead of `statuses`.

    Raises:
        Exception: the request's own: of the last try, or the first that does not pass.
    """
    failures = 0
    while True:
        try:
            return request()
        except Exception as error:
            failures += 1
            if may_pass is not None:
                passes = may_pass(error)
            else:
                only_reads = statuses is FLEETING
                passes = has_status(error, statuses) or (only_reads and is_broken(error))
            if not passes or failures == TRIES:
                raise
            response = response_of(error)
            seconds = pause(failures, None if response is None else response.headers)
            if response is not None:
                reason = f"HTTP {response.status_code}"
                say_wait(seconds, reason, response.url.host, failures, TRIES - 1)
            time.sleep(seconds)


def say_wait(seconds: float, reason: str, host: str, failures: int, most: int) -> None:
    """Log that a host is waited for, where a reader would wonder why nothing moves.

    Args:
        seconds: until the next try; below a second nothing is said.
        reason: why the last one failed.
        host: that was asked.
        failures: tries that failed.
        most: how many tries may fail without that being the end.
    """
    if seconds >= SHORT:
        _LOGGER.warning(
            "waiting %.0f s for %s (%s), then try %d of %d",
            *(seconds, host, one_line(reason), failures + 1, most + 1),
        )


def has_status(error: BaseException, statuses: Collection[int] = FLEETING) -> bool:
    """Whether the Hub responded, with one of these HTTP statuses."""
    response = response_of(error)
    return response is not None and response.status_code in statuses


def pause(failures: int, headers: Mapping[str, str] | None = None) -> float:
    """Seconds to wait after so many failures in a row (1, 2, …).

    What the headers ask for (`ratelimit` of the Hub where nothing remains, else `Retry-After` in
    seconds) is kept, up to a limit. Up to half as much again is added by chance, so that many
    clients do not come back at once.
    """
    requested = requested_pause(headers or {})
    least = FIRST * 2 ** (failures - 1) if requested is None else requested
    return min(least, LONGEST) * (1 + random.random() / 2)


def requested_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that a response asks to wait; None: it does not say."""
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    after = headers.get("retry-after", "").strip()
    return float(after) if after.isdecimal() else None
