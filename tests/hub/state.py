"""What a running Hub knows, for a test to change between requests."""

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.hub.faults import Faults
from tests.hub.store import Store

WRITER = "hf_loopback_writer"
READER = "hf_loopback_reader"
STRANGER = "hf_loopback_stranger"


@dataclass
class Hub:
    """State of a running server: change it between requests as a test needs.

    Attributes:
        store: the repositories.
        tokens: token → what its owner may do in any repository ("write", "read" or "nothing").
        faults: what goes wrong, and the requests seen.
        page: how many entries one answer of the tree holds.
        tickets: what signed addresses carry, for uploads and, with `redirect`, for downloads.
            Cleared, the addresses handed out so far are refused, as when they have expired.
        latency: seconds before each answer.
        redirect: send readers of large files to another host, as the real Hub does.
        rate_limit: (requests, seconds): how many requests are answered in each span of time; those
            for contents on other hosts do not count.
        clock: seconds, for the rate limit.
    """

    store: Store
    tokens: dict[str, str] = field(
        default_factory=lambda: {WRITER: "write", READER: "read", STRANGER: "nothing"}
    )
    faults: Faults = field(default_factory=Faults)
    page: int = 1000
    tickets: set[str] = field(default_factory=set)
    latency: float = 0.0
    redirect: bool = False
    rate_limit: tuple[int, float] | None = None
    clock: Callable[[], float] = time.monotonic
    _span_began: float = -math.inf
    _answered: int = 0

    def reset(self, root: Path) -> None:
        """Start again with no repository, no fault, no request and no limit."""
        if root.exists():
            shutil.rmtree(root)
        fresh = Hub(Store(root), tokens=self.tokens, faults=self.faults, tickets=self.tickets)
        self.faults.clear()
        self.tickets.clear()
        vars(self).update(vars(fresh))

    def seconds_over_limit(self) -> int | None:
        """Count a request; if it is one too many, how long until the next is answered."""
        if self.rate_limit is None:
            return None
        allowed, span = self.rate_limit
        now = self.clock()
        # Differences of times, whose sums are rounded: 65500.26 + 60 − 65500.26 is above 60.
        if now - self._span_began >= span:
            self._span_began, self._answered = now, 0
        self._answered += 1
        if self._answered <= allowed:
            return None
        return max(1, math.ceil(span - (now - self._span_began)))
