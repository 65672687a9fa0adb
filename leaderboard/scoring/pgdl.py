"""The score of the PGDL competition, as its program computes it."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.factors import Factors, encode, joint_codes
from leaderboard.scoring.mutual_information import MOST_CELLS, MOST_GROUPS

Matrix = npt.NDArray[np.float64]

_INSIDE_LOG = 1e-12
"""What the program adds to a probability before it takes the logarithm."""

_PAIRS_AT_ONCE = 2**22


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
    signs = 2 * (y[:, None] > y).astype(np.int8) + (m[:, None] > m)
    by_pair, cells = {}, 0
    for one, other in combinations(varying, 2):
        group = joint_codes([one.codes, other.codes], len(y))
        groups = int(group.max(initial=0)) + 1
        cells += 4 * groups**2
        if groups > MOST_GROUPS or cells > MOST_CELLS:
            return PgdlScore(float("nan"), None, {})
        by_pair[one.name, other.name] = _value(_tables(group, signs))
    defined = {pair: value for pair, value in by_pair.items() if not math.isnan(value)}
    at = min(defined, key=lambda pair: defined[pair], default=None)
    return PgdlScore(float("nan") if at is None else defined[at], at, by_pair)


def _tables(group: npt.NDArray[np.int64], signs: npt.NDArray[np.int8]) -> Matrix:
    """Counts of pairs for each key that occurs, shape (keys, 2, 2): of V, of U."""
    groups = int(group.max(initial=0)) + 1
    counts = np.zeros(groups**2 * 4, np.int64)
    rows = max(1, _PAIRS_AT_ONCE // max(1, len(group)))
    for start in range(0, len(group), rows):
        some = slice(start, start + rows)
        cell = (group[some, None] * groups + group) * 4 + signs[some]
        counts += np.bincount(cell.ravel(), minlength=len(counts))
    tables = counts.reshape(-1, 2, 2)
    return tables[tables.any(axis=(1, 2))].astype(np.float64)


def _value(tables: Matrix) -> float:
    joint = tables / tables.sum(axis=(1, 2), keepdims=True)
    of_target, of_measure = joint.sum(axis=2), joint.sum(axis=1)
    independent = of_target[:, :, None] * of_measure[:, None, :]
    seen = joint > 0
    information = np.sum(joint[seen] * np.log2(joint[seen] / independent[seen]))
    entropy = -np.sum(of_target * np.log2(of_target + _INSIDE_LOG))
    # Keys of one sign have an entropy of -1e-12 or so: there is nothing to explain in them.
    varied = bool(((of_target > 0).sum(axis=1) == 2).any())
    return float(information / entropy) if varied else float("nan")
