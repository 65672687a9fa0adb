"""The score of the PGDL competition, as its program computes it."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.factors import Factors, encode, joint_codes
from leaderboard.scoring.mutual_information import too_large
from leaderboard.scoring.pair_tables import Counts, PairTables
from leaderboard.scoring.ranks import Ranks

_INSIDE_LOG = 1e-12
"""What the program adds to a probability before it takes the logarithm."""


@dataclass(frozen=True)
class PgdlScore:
    """Normalized conditional mutual information as the competition counts it.

    Attributes:
        minimum: the score, which the competition multiplies by 100; NaN where there is none.
        at: the two factors that attain it, the first of equals; None where there are no two.
        by_pair: names of the two factors conditioned on → value.
    """

    minimum: float
    at: tuple[str, str] | None
    by_pair: dict[tuple[str, str], float]


def pgdl_score(targets: npt.ArrayLike, measure: npt.ArrayLike, factors: Factors) -> PgdlScore:
    """Score of a measure by the competition's own program (Jiang et al. 2021, PGDL).

    For every ordered pair (a, b) of networks, each network with itself too, V says whether
    target_a > target_b and U whether measure_a > measure_b. For two factors the key K of a pair is
    the levels of both factors at a and at b. The value is

        Σ_k I(V; U | K = k) / Σ_k H(V | K = k),

    in which all keys weigh alike, H takes log2(p + 1e-12), and the score is the least value over
    pairs of factors. Read in scoring_program/mutual_information.py of cadurosar/pgdl at d116a175,
    which holds the organizers' program; its published scores come out to six digits.

    It differs from `conditional_information` in five ways, four of them kept here: a network is
    paired with itself, ties count as "not larger", sets have exactly two factors, and keys weigh
    alike. choice: not kept is what the program does with texts. It writes the levels of a key one
    behind the other without a separator, so that keys may fall together; the key whose place they
    left is then empty, its entropy is 0/0, and whether the minimum becomes NaN depends on the order
    of the factors. Here keys are apart, and a key without a pair is passed over.

    Information does not see direction: the sign of a measure does not matter but for ties and for
    networks paired with themselves.

    Args:
        targets: shape (networks,), finite; the gap.
        measure: shape (networks,), finite.
        factors: name → level of each network; factors of one level are left out, as the program's
            "possible values" would make every pair with them the value of the other alone.

    Returns:
        NaN where fewer than two factors vary, where no key has pairs of both signs, and where a
        pair of factors has more than `MOST_GROUPS` combinations of levels, or the tables of all
        pairs more than `MOST_CELLS` entries (see `leaderboard.scoring.mutual_information`).

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    y, m = np.asarray(targets, np.float64), np.asarray(measure, np.float64)
    if y.ndim != 1 or y.shape != m.shape:
        raise ValueError(f"targets {y.shape} and measure {m.shape} are not equal vectors")
    if not (np.isfinite(y).all() and np.isfinite(m).all()):
        raise ValueError("only finite values have an order")
    varying = [factor for factor in encode(factors, len(y)) if len(factor.levels) > 1]
    pairs = {
        (one.name, other.name): joint_codes([one.codes, other.codes], len(y))
        for one, other in combinations(varying, 2)
    }
    if too_large([int(group.max(initial=0)) + 1 for group in pairs.values()], signs=4):
        return PgdlScore(float("nan"), None, {})
    # Values that differ by rounding are no tie to the program.
    tables = PairTables(*(np.unique(values, return_inverse=True)[1] for values in (y, m)))
    by_pair = {pair: _value(tables, group) for pair, group in pairs.items()}
    defined = {pair: value for pair, value in by_pair.items() if not math.isnan(value)}
    at = min(defined, key=lambda pair: defined[pair], default=None)
    return PgdlScore(float("nan") if at is None else defined[at], at, by_pair)


def _value(pairs: PairTables, group: Ranks) -> float:
    information = entropy = 0.0
    varied = False
    sizes = np.bincount(group)
    first = 0
    for counts in pairs.between(group):
        larger = _larger(counts)
        # A network paired with itself is larger on neither side.
        own = np.arange(len(larger[0, 0]))
        larger[0, 0, own, own + first] += sizes[first : first + len(own)]
        first += len(own)
        joint = larger / larger.sum(axis=(0, 1))
        of_target, of_measure = joint.sum(axis=1), joint.sum(axis=0)
        # The order decides the last digits of the sums: keys first.
        found = np.moveaxis(joint, (0, 1), (-2, -1)).ravel()
        seen = np.flatnonzero(found)
        independent = np.moveaxis(of_target[:, None] * of_measure, (0, 1), (-2, -1)).ravel()[seen]
        information += float(np.sum(found[seen] * np.log2(found[seen] / independent)))
        terms = of_target * np.log2(of_target + _INSIDE_LOG)
        entropy -= float(np.sum(np.moveaxis(terms, 0, -1).ravel()))
        # Keys of one sign have an entropy of -1e-12 or so: there is nothing to explain in them.
        varied = varied or bool((of_target > 0).all(axis=0).any())
    return information / entropy if varied else float("nan")


def _larger(counts: Counts) -> Counts:
    """Counts by whether the first network is larger on either side, both first axes of two."""
    of_targets: Counts = np.stack([counts[0] + counts[1], counts[2]])
    return np.stack([of_targets[:, 0] + of_targets[:, 1], of_targets[:, 2]], axis=1)
