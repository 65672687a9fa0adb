import math
from itertools import combinations, product

import numpy as np
import pytest

from leaderboard.scoring.robust_sign_error import robust_sign_errors
from tests.published_tables import DZIUGAITE_FACTORS, at_hand, dziugaite, levels, table

CELLS = [cell for cell in product([192, 288, 384], [0.0, 0.5], ["bn", ""]) for _ in range(5)]
FACTORS = {name: [cell[place] for cell in CELLS] for place, name in enumerate(("w", "p", "norm"))}


@at_hand
def test_the_authors_numbers_come_out():
    networks, references = dziugaite(), table("dziugaite2020-references").set_index("measure")
    assert len(networks) == 4836
    factors = levels(networks, DZIUGAITE_FACTORS)
    for name, expected in references.iterrows():
        measure = networks[f"complexity.{name}"]
        for images, family in ((10_000, "pap_true"), (None, "pap_false")):
            found = robust_sign_errors(networks["gen.gap"], measure, factors, images)
            # There each environment is counted in both directions.
            assert 2 * len(found.errors) == expected[f"{family}_n"]
            assert found.maximum == expected[f"{family}_max"]
            assert found.mean == pytest.approx(expected[f"{family}_mean"], rel=1e-12)


def by_definition(targets, measure, images):
    """Errors of environments, pair by pair."""
    sums = {}
    for a, b in combinations(range(len(CELLS)), 2):
        if sum(one != other for one, other in zip(CELLS[a], CELLS[b], strict=True)) == 1:
            sure = max(0, 1 - 2 * math.exp(-images * (targets[a] - targets[b]) ** 2 / 2)) ** 2
            weight = max(0, sure - 0.5)
            right = np.sign(targets[a] - targets[b]) * np.sign(measure[a] - measure[b])
            total = sums.setdefault((CELLS[a], CELLS[b]), np.zeros(3))
            total += [weight, weight**2, weight * (1 - right) / 2]
    return sorted(w / s for s, q, w in sums.values() if q and s**2 / q >= 12), len(sums)


def test_environments_are_pairs_of_configurations():
    draw = np.random.default_rng(0)
    targets = draw.normal(0, 0.02, len(CELLS))
    measure = targets + draw.normal(0, 0.02, len(CELLS))
    found = robust_sign_errors(targets, measure, FACTORS, test_images=20_000)
    expected, environments = by_definition(targets, measure, 20_000)
    assert 0 < len(expected) < environments
    assert found.errors == pytest.approx(expected)
    assert found.too_few == environments - len(expected)
    assert sum(map(len, found.by_factor.values())) == len(expected)
    assert found.maximum == found.errors[-1] == pytest.approx(max(expected))
    assert found.quantile(0.5) == pytest.approx(np.median(expected))


def test_constant_perfect_and_reversed():
    targets = np.random.default_rng(1).normal(size=len(CELLS))
    for measure, error in ((np.ones(len(CELLS)), 0.5), (targets, 0.0), (-targets, 1.0)):
        found = robust_sign_errors(targets, measure, FACTORS)
        assert len(found.errors)
        assert set(found.errors) == {error}


def test_gaps_that_differ_by_chance_alone_make_no_environment():
    targets = np.random.default_rng(2).normal(0, 1e-4, len(CELLS))
    found = robust_sign_errors(targets, targets, FACTORS)
    assert math.isnan(found.maximum)
    assert math.isnan(found.mean)
    assert math.isnan(found.quantile(0.9))
    assert found.too_few == 24
    assert len(robust_sign_errors(targets, targets, FACTORS, test_images=None).errors) == 24
