"""Conditional mutual information of targets and predictions, as the PGDL competition scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.factors import Factors, joint_codes, ranked
from leaderboard.scoring.pair_tables import Counts, PairTables
from leaderboard.scoring.ranks import Ranks

MOST_GROUPS = 1_490
"""Combinations of levels: the table of their pairs has nine times the square of them, 160 MB."""

MOST_CELLS = 100_000_000
"""In the tables of all sets together."""

LARGEST_SET = 2
"""Factors conditioned on at a time, at most."""


@dataclass(frozen=True)
class ConditionalInformation:
    """Normalized conditional mutual information; the competition prints 100 times these.

    Attributes:
        minimum: the least over the sets where it is defined, in [0, 1]; NaN where it is nowhere.
        at: the first set, in the order of `by_set`, that attains it; None where there is none.
        by_set: names of the factors conditioned on → value; NaN where not defined.
    """

    minimum: float
    at: tuple[str, ...] | None
    by_set: dict[tuple[str, ...], float]


def conditional_information(
    targets: npt.ArrayLike, predictions: npt.ArrayLike, factors: Factors
) -> ConditionalInformation:
    """Normalized conditional mutual information, its minimum over sets of at most two factors.

    For an ordered pair (a, b) of different networks V = sign(target_a - target_b) and
    U = sign(prediction_a - prediction_b). For a set S of factors K = (levels of S at a, levels of
    S at b). The value is I(V; U | K) / H(V | K), with H(V | K) = -Σ p(v, k) log p(v | k),
    I(V; U | K) = H(V | K) - H(V | U, K), and p the share of all ordered pairs. The minimum is over
    S of no, one or two factors. (Jiang et al. 2020, "Fantastic Generalization Measures"; Jiang
    et al. 2021, the PGDL competition.)

    Information does not see direction: a perfect predictor has 1 and a reversed perfect one 1 as
    well; only together with a rank correlation does it say which. A constant predictor has 0, an
    independent one about 0, from above: the fewer pairs a key holds, the more chance adds.

    choice: from memory of the definition; the papers' text was not at hand. K is joint and in
    order, as in the competition's scoring program: it holds both networks' levels, so that pairs
    are compared that move between the same levels. That program differs otherwise: it counts each
    network with itself (a pair of no sign, which makes a reversed predictor score less than a
    perfect one), writes ties as minus, runs its level texts together without a separator, takes
    sets of exactly two factors, and gives each key the same weight. Here no self-pairs, a sign of
    its own for ties, keys apart, sets of no and one factor too, as the earlier paper has them, and
    keys weighted by their pairs, as the definition of conditional information says.

    Where H(V | K) = 0 (every key's pairs have the same sign) the value is not defined and the set
    is passed over. So are sets that tell all networks apart, for each key holds a single pair.
    Factors of a single level add nothing to a set and are left out. Where another set has more than
    `MOST_GROUPS` combinations of levels, or all tables together more than `MOST_CELLS` entries,
    nothing is defined: the least over the other sets would be another number.

    The cost is quadratic in the networks n, for each set: some 0.1 s for 756 networks and eight
    factors (37 sets). Memory: some n² · 4 bytes.

    Args:
        targets: shape (networks,), finite.
        predictions: shape (networks,), finite.
        factors: name → level of each network. Copies of a configuration are pairs like any other.

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    ranks, others, encoded = ranked(targets, predictions, factors)
    pairs = PairTables(ranks, others)
    varying = [factor for factor in encoded if len(factor.levels) > 1]
    sets = {
        tuple(factor.name for factor in chosen): joint_codes(
            [factor.codes for factor in chosen], len(ranks)
        )
        for size in range(LARGEST_SET + 1)
        for chosen in combinations(varying, size)
    }
    groups = {chosen: int(group.max(initial=0)) + 1 for chosen, group in sets.items()}
    compared = [number for number in groups.values() if number < len(ranks)]
    if too_large(compared, signs=9):
        return ConditionalInformation(float("nan"), None, {})
    by_set = {
        chosen: _value(pairs, group) if groups[chosen] < len(ranks) else float("nan")
        for chosen, group in sets.items()
    }
    defined = {chosen: value for chosen, value in by_set.items() if not math.isnan(value)}
    at = min(defined, key=lambda chosen: defined[chosen], default=None)
    return ConditionalInformation(float("nan") if at is None else defined[at], at, by_set)


def too_large(groups: Sequence[int], signs: int) -> bool:
    """Whether the tables of pairs of so many groups, and so many signs, are beyond the limits."""
    cells = signs * sum(number**2 for number in groups)
    return max(groups, default=0) > MOST_GROUPS or cells > MOST_CELLS


def _value(pairs: PairTables, group: Ranks) -> float:
    entropy = given_both = 0.0
    for counts in pairs.between(group):
        entropy += _conditional_entropy(counts.sum(axis=1)[:, None])
        given_both += _conditional_entropy(counts)
    return max(0.0, 1 - given_both / entropy) if entropy else float("nan")


def _conditional_entropy(counts: Counts) -> float:
    """Entropy of the first axis given all others, times the number of pairs, in nats.

    Exactly 0 where the others determine it: log 1 is exact.
    """
    # The order decides the last digit of the sum: keys, then the second axis, then the first.
    of_keys = np.ascontiguousarray(np.moveaxis(counts, (0, 1), (-1, -2))).ravel()
    totals = np.ascontiguousarray(np.moveaxis(counts.sum(axis=0, dtype=np.int32), 0, -1)).ravel()
    seen = np.flatnonzero(of_keys)
    found = of_keys[seen]
    return -float(np.sum(found * np.log(found / totals[seen // len(counts)])))
