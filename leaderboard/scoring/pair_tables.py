"""How many pairs of networks two rankings order in which way, counted between groups of networks.

All pairs of some thousand networks are compared once, and each division into groups then adds rows
of what came out: with the groups as a sparse matrix G of one 1 a network, and P of a 1 where a pair
is ordered so, the counts are G P Gᵀ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.ranks import Ranks

Counts = npt.NDArray[np.signedinteger]

_COLUMNS = 512
"""Networks that all others are compared with at a time."""

_CELLS_AT_ONCE = 2**21
"""Entries of a table that are looked at together."""

_KINDS = ((0, 0), (0, 1), (0, 2), (1, 0))
"""Signs (of ranks, of others), each 0 where the first network is less, 1 where both tie, 2 where it
is more. Exchanging the two networks gives four more kinds; those that tie twice are the rest."""


@dataclass(frozen=True)
class _Ordered:
    """Pairs ordered in one way, of all first networks of a range with some second ones.

    Attributes:
        first: of the first networks, in the order of ranks.
        second: of the second networks.
        holds: 1 where the pair is ordered so, shape (first, second).
    """

    first: slice
    second: slice
    holds: Counts


@final
class PairTables:
    """Ordered pairs of different networks by the signs of their differences in two rankings.

    Memory: 3 to 4 bytes a pair of networks, where they are few thousand.

    Args:
        ranks: of each network, shape (networks,).
        others: by the other ranking, shape (networks,).
    """

    def __init__(self, ranks: Ranks, others: Ranks) -> None:
        networks = len(ranks)
        # A count is of networks in a group.
        self._type = np.dtype(np.int16 if networks < 2**15 else np.int32)
        self._order = np.argsort(ranks, kind="stable")
        self._ranks = ranks[self._order].astype(self._type)
        self._others = others[self._order].astype(self._type)
        self._ordered = {kind: list(self._compared(*kind)) for kind in _KINDS}

    def between(self, group: Ranks) -> Iterator[Counts]:
        """Counts of pairs between groups, some groups of the first network at a time.

        Args:
            group: number of each network's group, from 0 without a gap, shape (networks,).

        Yields:
            Shape (3, 3, some groups, groups): sign of the difference in ranks, in others (0 where
            the first network of the pair is less, 1 where they tie, 2 where it is more), group of
            the first network, of the second.
        """
        group = group[self._order].astype(np.int32)
        sizes = np.bincount(group)
        counted = {
            kind: self._counted(kind, group, len(sizes)) for kind in _KINDS if self._ordered[kind]
        }
        rows = max(1, _CELLS_AT_ONCE // (9 * max(1, len(sizes))))
        for start in range(0, len(sizes), rows):
            some = slice(start, start + rows)
            tables = np.zeros((3, 3, len(sizes[some]), len(sizes)), np.int32)
            for (one, other), counts in counted.items():
                tables[one, other] = counts[some]
                tables[2 - one, 2 - other] = counts[:, some].T
            tables[1, 1] = np.multiply.outer(sizes[some], sizes) - tables.sum(axis=(0, 1))
            # No network is paired with itself.
            own = np.arange(len(sizes[some]))
            tables[1, 1, own, own + start] -= sizes[some].astype(np.int32)
            yield tables

    def _compared(self, one: int, other: int) -> Iterator[_Ordered]:
        compare = (np.less, np.equal, np.greater)[other]
        for start in range(0, len(self._ranks), _COLUMNS):
            second = slice(start, min(start + _COLUMNS, len(self._ranks)))
            # Networks stand in the order of ranks: those of less rank come before.
            equal = np.searchsorted(self._ranks, self._ranks[second])
            if one == 0:
                first, last = 0, int(equal[-1])
            else:
                first, last = int(equal[0]), second.stop
                last = int(np.searchsorted(self._ranks, self._ranks[last - 1], side="right"))
            before = slice(first, last)
            ranks, others = self._ranks[before, None], self._others[before, None]
            holds = (np.equal if one else np.less)(ranks, self._ranks[second])
            holds &= compare(others, self._others[second])
            if holds.any():
                yield _Ordered(before, second, holds.astype(self._type))

    def _counted(self, kind: tuple[int, int], group: Ranks, groups: int) -> Counts:
        """Pairs of one kind, shape (groups, groups)."""
        by_second = np.zeros((groups, len(group)), self._type)
        for ordered in self._ordered[kind]:
            members = _members(group[ordered.first], groups, self._type)
            by_second[:, ordered.second] = members @ ordered.holds
        members = _members(group, groups, np.dtype(np.int32))
        counts: Counts = (members @ by_second.T.astype(np.int32, order="C")).T
        return counts


def _members(group: Ranks, groups: int, kind: np.dtype[Any]) -> Any:
    """Sparse, shape (groups, networks): 1 where a network is of a group."""
    # Tables and pages read this module too, and compare no pairs.
    from scipy.sparse import csc_array

    where = (np.ones(len(group), kind), group, np.arange(len(group) + 1, dtype=np.int32))
    return csc_array(where, shape=(groups, len(group)))
