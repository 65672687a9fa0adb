"""Compare the cost that a submission claims with what measuring again took."""

from collections.abc import Mapping
from statistics import median

from demogen.errors import SubmissionError
from leaderboard.results.origins import Claim
from leaderboard.results.result import Result

COST_FACTOR = 10.0
"""How many times less than measured again a cost may be said to be, or more and still count as
checked. Machines differ by that much, and a sample of networks from all of them."""

SHORTEST = 0.01
"""Seconds below which a clock and the first call of a library decide."""


def check_cost(
    result: Result, seconds: Mapping[str, float], epochs: Mapping[str, float]
) -> tuple[Claim, ...]:
    """Hold seconds and epochs a network against those of the networks measured again.

    Parts of an epoch decide, as they depend little on the machine; seconds do where there are none.

    Args:
        result: as submitted.
        seconds: network → seconds that measuring it took.
        epochs: network → these as a part of a training epoch on the same machine; may be empty.

    Returns:
        Which of the two claims is within `COST_FACTOR` of what was measured.

    Raises:
        SubmissionError: the cost is said to be less than that part of what was measured.
    """
    if not seconds or median(seconds.values()) < SHORTEST:
        return ()
    measured: dict[Claim, float | None] = {
        "epochs": median(epochs.values()) if epochs else None,
        "seconds": median(seconds.values()),
    }
    claimed: dict[Claim, float | None] = {"epochs": result.epochs, "seconds": result.seconds}
    known = [what for what in measured if None not in (claimed[what], measured[what])]
    within: list[Claim] = []
    for what in known:
        said, found = claimed[what] or 0.0, measured[what] or 0.0
        if found / COST_FACTOR <= said <= found * COST_FACTOR:
            within.append(what)
        elif said < found and what == known[0]:
            raise SubmissionError(
                f"{result.path}: it claims {said:.3g} {what} a network, but measured again here "
                f"it takes {found:.3g}, more than {COST_FACTOR:g} times as much; measure on one "
                "thread of a CPU and submit again"
            )
    return tuple(within)
