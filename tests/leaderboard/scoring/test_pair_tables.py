import itertools

import numpy as np
import pytest

from leaderboard.scoring import pair_tables
from leaderboard.scoring.pair_tables import PairTables


def one_by_one(ranks, others, group):
    tables = np.zeros((3, 3, max(group) + 1, max(group) + 1), int)
    for a, b in itertools.permutations(range(len(group)), 2):
        signs = np.sign(ranks[a] - ranks[b]) + 1, np.sign(others[a] - others[b]) + 1
        tables[*signs, group[a], group[b]] += 1
    return tables


@pytest.mark.parametrize(("columns", "cells"), [(512, 2**21), (7, 100)])
@pytest.mark.parametrize("distinct", [1, 4, 1000])
def test_pairs_between_groups_are_those_of_a_loop(distinct, columns, cells, monkeypatch):
    monkeypatch.setattr(pair_tables, "_COLUMNS", columns)
    monkeypatch.setattr(pair_tables, "_CELLS_AT_ONCE", cells)
    draw = np.random.default_rng(distinct)
    ranks, others = draw.integers(distinct, size=(2, 30))
    tables = PairTables(ranks, others)
    for groups in (1, 5, 30):
        group = np.arange(30) % groups
        parts = list(tables.between(group))
        assert np.array_equal(np.concatenate(parts, axis=2), one_by_one(ranks, others, group))
        assert len(parts) == (
            1 if cells > 9 * groups**2 else -(-groups // (cells // 9 // groups or 1))
        )


def test_a_single_network_is_no_pair():
    [counts] = PairTables(np.array([3]), np.array([1])).between(np.array([0]))
    assert counts.shape == (3, 3, 1, 1)
    assert not counts.any()
