"""Factors (hyperparameters) of networks, and the pairs of networks that differ in one alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demogen.format.factors import Level, code_levels
from leaderboard.scoring.ranks import Ranks, dense_ranks

Factors = Mapping[str, Sequence[Level]]
"""Name of a factor → its level for each network, (networks,). Copies of a configuration have equal
levels of all factors; the number of a copy is no factor."""


MOST_PAIRS = 50_000_000
"""Pairs of networks that differ in one factor at most, times the factors: some seconds."""

MOST_ENVIRONMENTS = 200_000
"""Pairs of levels of one factor that pairs of networks may have."""


@dataclass(frozen=True)
class Factor:
    """One factor of some networks.

    Attributes:
        name: of the factor.
        levels: its distinct levels: numbers in order, then None, then words.
        codes: place in `levels` for each network, shape (networks,).
    """

    name: str
    levels: tuple[Level, ...]
    codes: Ranks


@dataclass(frozen=True)
class Pairs:
    """Unordered pairs of different networks, by position.

    Attributes:
        first: one network of each pair, shape (pairs,).
        second: the other network, shape (pairs,).
    """

    first: npt.NDArray[np.signedinteger]
    second: npt.NDArray[np.signedinteger]

    def agreement(self, ranks: Ranks, others: Ranks) -> Ranks:
        """1 where two rankings order the pair alike, -1 where not, 0 where one has a tie."""
        return self.signs(ranks) * self.signs(others)

    def signs(self, ranks: Ranks) -> Ranks:
        """Sign of the first network's rank minus the second's."""
        signs: Ranks = np.sign(
            ranks.astype(np.int32)[self.first] - ranks.astype(np.int32)[self.second]
        ).astype(np.int8)
        return signs


def encode(factors: Factors, networks: int) -> list[Factor]:
    """Factors with their levels as codes, in order of their names.

    Levels are those of `demogen.format.factors.code_levels`: having none, None or NaN, is one, too.

    Raises:
        ValueError: a factor does not have one level for each network.
    """
    return [_factor(name, factors[name], networks) for name in sorted(factors)]


def ranked(
    targets: npt.ArrayLike, predictions: npt.ArrayLike, factors: Factors
) -> tuple[Ranks, Ranks, list[Factor]]:
    """Dense ranks of both sides and the encoded factors: what measures of agreement begin with.

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    ranks, others = dense_ranks(targets), dense_ranks(predictions)
    if len(ranks) != len(others):
        raise ValueError(f"{len(ranks)} targets and {len(others)} predictions")
    return ranks, others, encode(factors, len(ranks))


def all_pairs(networks: int) -> Pairs:
    """Every unordered pair of different networks."""
    # As `np.triu_indices` gives them, without its table of all ordered pairs.
    first = np.repeat(np.arange(networks, dtype=np.int32), np.arange(networks - 1, -1, -1))
    parts = [np.arange(start, networks, dtype=np.int32) for start in range(1, networks)]
    return Pairs(first, np.concatenate(parts) if parts else first)


def pairs_differing_in(factor: Factor, factors: Sequence[Factor]) -> Pairs:
    """Pairs of networks with different levels of one factor and equal levels of all others.

    Copies are crossed: c copies of either configuration make c² pairs. The cost is n networks
    times the largest number of networks that share the levels of all other factors.

    Where most networks share them the pairs may be more than memory holds: above `MOST_PAIRS` or
    `MOST_ENVIRONMENTS` there are none.
    """
    others = [other.codes for other in factors if other.name != factor.name]
    group = joint_codes(others, len(factor.codes))
    sizes = np.bincount(group)
    pairs, levels = int((sizes * (sizes - 1) // 2).sum()), len(factor.levels)
    environments = min(pairs, levels * (levels - 1) // 2)
    if len(factors) * pairs > MOST_PAIRS or environments > MOST_ENVIRONMENTS:
        return Pairs(group[:0], group[:0])
    order = np.argsort(group, kind="stable")
    group = group[order]
    first, second = [order[:0]], [order[:0]]
    for step in range(1, len(order)):
        same_group = group[step:] == group[:-step]
        if not same_group.any():
            break
        first.append(order[:-step][same_group])
        second.append(order[step:][same_group])
    one, other = np.concatenate(first), np.concatenate(second)
    differ = factor.codes[one] != factor.codes[other]
    return Pairs(one[differ], other[differ])


def joint_codes(codes: Sequence[Ranks], networks: int) -> Ranks:
    """Codes 0, 1, 2 … of the combinations that occur; networks with equal codes share one."""
    joint = np.zeros(networks, np.int64)
    for more in codes:
        combined = joint * (more.max(initial=0) + 1) + more
        joint = np.unique(combined, return_inverse=True)[1].astype(np.int64)
    return joint


def _factor(name: str, labels: Sequence[Level], networks: int) -> Factor:
    if len(labels) != networks:
        raise ValueError(f"factor {name!r} has {len(labels)} levels for {networks} networks")
    # Result files name the two levels of an environment in this order.
    codes, levels = code_levels(labels, none_first=False)
    return Factor(name, tuple(levels), codes.astype(np.int64))
