"""Pairs of networks that differ in one factor alone, some of them at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.factors import Factor, joint_codes
from leaderboard.scoring.ranks import Ranks

MOST_PAIRS = 50_000_000
"""Pairs of networks that differ in one factor at most, times the factors: some seconds."""

MOST_ENVIRONMENTS = 200_000
"""Pairs of levels of one factor that pairs of networks may have."""

PAIRS_AT_ONCE = 2**19
"""Pairs that are looked at together, and those of one network more."""


@dataclass(frozen=True)
class Pairs:
    """Unordered pairs of different networks, by place in the order of `Cells`.

    Attributes:
        networks: the first networks of the pairs, one behind the other.
        times: in how many pairs each of them is the first, shape (networks,).
        second: the other network of each pair, those of one first network together, shape (pairs,).
    """

    networks: slice
    times: Ranks
    second: npt.NDArray[np.intp]

    def of_first(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first network's value in each pair; values in the order of `Cells`."""
        return np.repeat(values[self.networks], self.times)

    def agreement(self, ranks: Ranks, others: Ranks) -> npt.NDArray[np.int8]:
        """1 where two rankings order the pair alike, -1 where not, 0 where one has a tie.

        Args:
            ranks: in the order of `Cells`.
            others: likewise.
        """
        return self._signs(ranks) * self._signs(others)

    def _signs(self, ranks: Ranks) -> npt.NDArray[np.int8]:
        one, other = self.of_first(ranks), ranks[self.second]
        return (one > other).view(np.int8) - (one < other).view(np.int8)


@dataclass(frozen=True)
class Cells:
    """Networks by their setting of all factors but one; those of a setting make a cell.

    Networks of a cell with the same level of the factor are copies of one configuration.

    Attributes:
        factor: the one.
        order: networks by cell, then by level, shape (networks,). What follows is in this order.
        cell: number of each network's cell, ascending, shape (networks,).
        configuration: number of each network's configuration, ascending, shape (networks,).
        later: how many networks of its cell have a larger level, shape (networks,).
        few: whether the pairs are few enough to be looked at.
    """

    factor: Factor
    order: npt.NDArray[np.intp]
    cell: Ranks
    configuration: Ranks
    later: Ranks
    few: bool

    @property
    def levels(self) -> Ranks:
        """Code of each network's level."""
        return self.factor.codes[self.order]

    @property
    def environments(self) -> Ranks:
        """First number of each configuration's environments, shape (configurations,).

        An environment is a configuration and a later one of its cell; they are numbered in that
        order.
        """
        cell = self.cell[np.unique(self.configuration, return_index=True)[1]]
        behind = np.searchsorted(cell, cell, side="right") - np.arange(len(cell)) - 1
        starts: Ranks = np.cumsum(behind) - behind
        return starts

    def blocks(self) -> Iterator[Pairs]:
        """The pairs that differ in the factor, the network of the smaller level first.

        Copies are crossed: c copies of either configuration make c² pairs.
        """
        if not self.few:
            return
        upto = np.cumsum(self.later)
        # The partners of a network are the last ones of its cell.
        shift = np.searchsorted(self.cell, self.cell, side="right") - upto
        start, done = 0, 0
        while start < len(upto):
            end = max(start + 1, int(np.searchsorted(upto, done + PAIRS_AT_ONCE, side="right")))
            networks, times = slice(start, end), self.later[start:end]
            pairs = np.arange(done, upto[end - 1])
            if len(pairs):
                yield Pairs(networks, times, pairs + np.repeat(shift[networks], times))
            start, done = end, int(upto[end - 1])


def cells(factors: Sequence[Factor], networks: int) -> Iterator[Cells]:
    """The cells of each factor.

    Where most networks share a setting their pairs may be more than there is time for: above
    `MOST_PAIRS` or `MOST_ENVIRONMENTS` they are too many.
    """
    before = [np.zeros(networks, np.int64)]
    for factor in factors[:-1]:
        before.append(joint_codes([before[-1], factor.codes], networks))
    behind = before[0]
    found = []
    for factor, earlier in zip(reversed(factors), reversed(before), strict=False):
        found.append(_cells(factor, joint_codes([earlier, behind], networks), len(factors)))
        behind = joint_codes([factor.codes, behind], networks)
    return reversed(found)


def _cells(factor: Factor, cell: Ranks, factors: int) -> Cells:
    sizes = np.bincount(cell)
    pairs, levels = int((sizes * (sizes - 1) // 2).sum()), len(factor.levels)
    environments = min(pairs, levels * (levels - 1) // 2)
    configuration = joint_codes([cell, factor.codes], len(cell))
    order = np.argsort(configuration, kind="stable")
    cell, configuration = cell[order], configuration[order]
    later = np.searchsorted(cell, cell, side="right") - np.searchsorted(
        configuration, configuration, side="right"
    )
    few = factors * pairs <= MOST_PAIRS and environments <= MOST_ENVIRONMENTS
    return Cells(factor, order, cell, configuration, later, few)
