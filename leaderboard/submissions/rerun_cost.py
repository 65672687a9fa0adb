"""Compare the cost that a submission claims with what measuring again took."""

from collections.abc import Mapping
from statistics import median

from demogen.errors import SubmissionError
from leaderboard.results.origins import Claim
from leaderboard.results.result import Result

COST_FACTOR = 10.0
"""How far a claimed cost may be from what was measured. Machines differ by that much, and a sample
of networks from all of them."""

SHORTEST = 0.01
"""Seconds below which a clock and the first call of a library decide."""


def check_cost(
    result: Result, seconds: Mapping[str, float], epochs: Mapping[str, float]
) -> tuple[Claim, ...]:
    """Hold seconds and epochs a network against those of the networks measured again.

    Parts of an epoch decide, as they depend little on the machine; seconds do where there are none.
    The median of what was measured confirms a claim; to refuse one, even the cheapest network must
    have taken longer by the factor.

    Args:
        result: as submitted.
        seconds: network → seconds that measuring it took.
        epochs: network → these as a part of a training epoch on the same machine; may be empty.

    Returns:
        Which of the two claims is within `COST_FACTOR` of what was measured.

    Raises:
        SubmissionError: the cost is said to be less than that part of what was measured.
    """
    if not seconds or min(seconds.values()) < SHORTEST:
        return ()
    claims: list[tuple[Claim, float | None, Mapping[str, float]]] = [
        ("epochs", result.epochs, epochs),
        ("seconds", result.seconds, seconds),
    ]
    known = [(what, said, found) for what, said, found in claims if said is not None and found]
    within: list[Claim] = []
    for place, (what, said, found) in enumerate(known):
        typical, cheapest = median(found.values()), min(found.values())
        if typical / COST_FACTOR <= said <= typical * COST_FACTOR:
            within.append(what)
        elif place == 0 and said < cheapest / COST_FACTOR:
            raise SubmissionError(
                f"{result.path}: it claims {said:.3g} {what} a network, but measured again here no "
                f"network takes less than {cheapest:.3g}, more than {COST_FACTOR:g} times as much; "
                "measure on one thread of a CPU and submit again"
            )
    return tuple(within)
