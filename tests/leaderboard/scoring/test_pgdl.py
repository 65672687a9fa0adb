import math
from itertools import combinations, product

import numpy as np
import pytest

from leaderboard.scoring.pgdl import pgdl_score
from tests.published_tables import PGDL_FACTORS, at_hand, levels, table

PUBLISHED = {
    "pgdl-task1": {"VPM_1": 0.060701, "VPM_80": 0.056105, "WCV": 0.277451, "VR": 0.093163},
    "pgdl-task2": {"VPM_1": 0.064400, "VPM_80": 0.168425, "WCV": 0.374414, "VR": 0.195815},
}
CELLS = list(product([32, 64], [0.0, 0.5], ["a", "b"]))
FACTORS = {name: [cell[place] for cell in CELLS] for place, name in enumerate(("bs", "p", "x"))}


@at_hand
@pytest.mark.parametrize("task", PUBLISHED)
def test_published_scores_come_out(task):
    networks = table(task)
    for measure, score in PUBLISHED[task].items():
        found = pgdl_score(networks["gap"], networks[measure], levels(networks, PGDL_FACTORS[task]))
        assert found.minimum == pytest.approx(score, abs=1e-6)


def by_definition(targets, measure):
    """Least over two factors of Σ I(V; U | K = k) / Σ H(V | K = k), counted pair by pair."""
    values = []
    for one, other in combinations(FACTORS, 2):
        counts = {}
        for a, b in product(range(len(CELLS)), repeat=2):
            key = (FACTORS[one][a], FACTORS[one][b], FACTORS[other][a], FACTORS[other][b])
            signs = (targets[a] > targets[b], measure[a] > measure[b])
            counts.setdefault(key, {}).setdefault(signs, 0)
            counts[key][signs] += 1
        information = entropy = 0.0
        for of_key in counts.values():
            total = sum(of_key.values())
            v, u = (dict.fromkeys((True, False), 0) for _ in range(2))
            for (larger, above), n in of_key.items():
                v[larger] += n / total
                u[above] += n / total
            for (larger, above), n in of_key.items():
                information += n / total * math.log2(n / total / (v[larger] * u[above]))
            entropy -= sum(p * math.log2(p + 1e-12) for p in v.values())
        values.append(information / entropy)
    return min(values)


def test_pairs_are_counted_as_the_definition_says():
    targets, noise = np.random.default_rng(0).integers(5, size=(2, len(CELLS)))
    measure = targets + noise
    found = pgdl_score(targets, measure, FACTORS)
    assert found.minimum == pytest.approx(by_definition(targets, measure), rel=1e-12)
    assert found.by_pair[found.at] == found.minimum
    assert len(found.by_pair) == 3


def test_constant_perfect_and_reversed():
    targets = np.random.default_rng(1).permutation(len(CELLS))
    assert pgdl_score(targets, np.ones(len(CELLS)), FACTORS).minimum == 0
    assert pgdl_score(targets, targets, FACTORS).minimum == pytest.approx(1)
    # Networks paired with themselves tie, and a tie is "not larger" on both sides.
    assert 0 < pgdl_score(targets, -targets, FACTORS).minimum < 1


def test_levels_whose_texts_run_together_stay_apart():
    # "1" + "11" reads as "11" + "1": the program's table then has an empty place, and gives NaN.
    cells = list(product([1, 11], [0, 1])) * 2
    factors = {"n": [cell[0] for cell in cells], "m": [cell[1] for cell in cells]}
    renamed = factors | {"n": [{1: "one", 11: "eleven"}[level] for level in factors["n"]]}
    targets, measure = np.random.default_rng(2).normal(size=(2, len(cells)))
    found = pgdl_score(targets, measure, factors)
    assert found.minimum == pytest.approx(pgdl_score(targets, measure, renamed).minimum)
    backwards = dict(reversed(factors.items()))
    assert pgdl_score(targets, measure, backwards).minimum == found.minimum


@pytest.mark.parametrize(
    "factors", [{}, {"bs": FACTORS["bs"]}, FACTORS | {"bs": [1] * 8, "p": [1] * 8}]
)
def test_fewer_than_two_varying_factors_have_no_score(factors):
    found = pgdl_score(range(8), range(8), factors)
    assert math.isnan(found.minimum)
    assert found.at is None


def test_what_has_no_order_is_refused():
    with pytest.raises(ValueError, match="only finite"):
        pgdl_score([1.0, math.nan], [1, 2], {})
    with pytest.raises(ValueError, match="not equal vectors"):
        pgdl_score([1.0], [1, 2], {})


def test_groups_taken_a_few_at_a_time_give_the_same(monkeypatch):
    targets, measure = np.random.RandomState(6).standard_normal((2, len(CELLS)))
    whole = pgdl_score(targets, measure, FACTORS)
    monkeypatch.setattr("leaderboard.scoring.pair_tables._CELLS_AT_ONCE", 1)
    by_parts = pgdl_score(targets, measure, FACTORS)
    assert by_parts.by_pair == pytest.approx(whole.by_pair, rel=1e-12)


def test_values_that_differ_by_rounding_do_not_tie():
    measure = np.random.RandomState(6).standard_normal(len(CELLS))
    targets = [0.3, 0.1 + 0.2, 0.1, 0.3, 0.2, 0.1 + 0.2, 0.1, 0.2]
    found = pgdl_score(targets, measure, FACTORS).minimum
    assert found == pytest.approx(by_definition(targets, measure), rel=1e-12)
    tied = np.round(targets, 6)
    assert found != pytest.approx(pgdl_score(tied, measure, FACTORS).minimum, rel=1e-3)


@pytest.mark.parametrize(("limit", "most"), [("MOST_GROUPS", 3), ("MOST_CELLS", 70)])
def test_where_a_pair_of_factors_is_too_large_there_is_no_score(limit, most, monkeypatch):
    targets, measure = np.random.RandomState(7).standard_normal((2, len(CELLS)))
    monkeypatch.setattr(f"leaderboard.scoring.mutual_information.{limit}", most)
    found = pgdl_score(targets, measure, FACTORS)
    assert math.isnan(found.minimum)
    assert found.at is None
