"""How long to wait before a request is made again."""

import random
from collections.abc import Mapping

from huggingface_hub.utils import parse_ratelimit_headers

TRIES = 6
"""Requests made for one thing before its failure is taken for lasting."""

FIRST = 0.5
LONGEST = 60.0
"""Seconds: the first pause, doubled each time, and the longest, whatever a server asks for."""

FLEETING = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses that another try may get over."""


def pause(failures: int, headers: Mapping[str, str] | None = None) -> float:
    """Seconds to wait after so many failures in a row (1, 2, …).

    What the headers ask for (`ratelimit` of the Hub where nothing remains, else `Retry-After` in
    seconds) is kept, up to a limit. Up to half as much again is added by chance, so that many
    clients do not come back at once.
    """
    wanted = asked(headers or {})
    least = FIRST * 2 ** (failures - 1) if wanted is None else wanted
    return min(least, LONGEST) * (1 + random.random() / 2)


def asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait; None: it does not say."""
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    after = headers.get("retry-after", "").strip()
    return float(after) if after.isdecimal() else None
