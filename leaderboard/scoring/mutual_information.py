"""Conditional mutual information of targets and predictions, as the PGDL competition scores."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.factors import Factors, Pairs, all_pairs, joint_codes, ranked
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
    factors (37 sets). Memory: some n² · 40 bytes.

    Args:
        targets: shape (networks,), finite.
        predictions: shape (networks,), finite.
        factors: name → level of each network. Copies of a configuration are pairs like any other.

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    ranks, others, encoded = ranked(targets, predictions, factors)
    pairs = all_pairs(len(ranks))
    signs = 3 * (pairs.signs(ranks) + 1) + pairs.signs(others) + 1
    varying = [factor for factor in encoded if len(factor.levels) > 1]
    by_set, cells = {}, 0
    for size in range(LARGEST_SET + 1):
        for chosen in combinations(varying, size):
            group = joint_codes([factor.codes for factor in chosen], len(ranks))
            groups = int(group.max(initial=0)) + 1
            value = float("nan")
            if groups < len(ranks):
                cells += 9 * groups**2
                if groups > MOST_GROUPS or cells > MOST_CELLS:
                    return ConditionalInformation(float("nan"), None, {})
                value = _value(_table(group, pairs, signs))
            by_set[tuple(factor.name for factor in chosen)] = value
    defined = {chosen: value for chosen, value in by_set.items() if not math.isnan(value)}
    at = min(defined, key=lambda chosen: defined[chosen], default=None)
    return ConditionalInformation(float("nan") if at is None else defined[at], at, by_set)


def _table(group: Ranks, pairs: Pairs, signs: Ranks) -> Ranks:
    """Counts of ordered pairs, shape (groups, groups, 3, 3): of a, of b, sign V, sign U."""
    groups = int(group.max(initial=0)) + 1
    small = group.astype(np.int32)
    cell = (small[pairs.first] * groups + small[pairs.second]) * 9 + signs
    counts = np.bincount(cell, minlength=groups**2 * 9).reshape(groups, groups, 3, 3)
    # The pair in the other order has both signs and the two networks' levels exchanged.
    both: Ranks = counts + counts.transpose(1, 0, 2, 3)[..., ::-1, ::-1]
    return both


def _value(table: Ranks) -> float:
    entropy = _conditional_entropy(table.sum(axis=3))
    if entropy == 0:
        return float("nan")
    given_both = _conditional_entropy(table.swapaxes(2, 3))
    return max(0.0, 1 - given_both / entropy)


def _conditional_entropy(counts: Ranks) -> float:
    """Entropy of the last axis given all others, times the number of pairs, in nats.

    Exactly 0 where the others determine it: log 1 is exact.
    """
    totals = np.broadcast_to(counts.sum(axis=-1, keepdims=True), counts.shape)
    seen = counts > 0
    return -float(np.sum(counts[seen] * np.log(counts[seen] / totals[seen])))
