import itertools
import math

import numpy as np
import pytest

from leaderboard.scoring.sign_error import Environment, sign_errors

CELLS = list(itertools.product([192, 288, 384], [0.0, 0.5], ["batch", "none"], range(3)))
FACTORS = {
    "width": [cell[0] for cell in CELLS],
    "dropout": [cell[1] for cell in CELLS],
    "norm": [cell[2] for cell in CELLS],
}


def one_by_one(targets, predictions):
    """Errors by factor and levels, from the definition."""
    found = {}
    for i, j in itertools.combinations(range(len(CELLS)), 2):
        differing = [name for name in FACTORS if FACTORS[name][i] != FACTORS[name][j]]
        if len(differing) == 1:
            name = differing[0]
            levels = tuple(sorted((FACTORS[name][i], FACTORS[name][j])))
            right = np.sign(targets[i] - targets[j]) * np.sign(predictions[i] - predictions[j])
            found.setdefault((name, levels), []).append((1 - right) / 2)
    return found


def test_environments_are_those_of_the_definition():
    targets, noise = np.random.default_rng(4).integers(6, size=(2, len(CELLS)))
    predictions = targets + noise
    found = sign_errors(targets, predictions, FACTORS)
    expected = one_by_one(targets, predictions)
    assert found.too_few == ()
    assert [(each.factor, each.levels) for each in found.environments] == sorted(expected)
    for each in found.environments:
        errors = expected[each.factor, each.levels]
        assert (each.pairs, each.error) == (len(errors), pytest.approx(np.mean(errors)))
    means = [np.mean(expected[key]) for key in sorted(expected)]
    assert found.supremum == pytest.approx(max(means))
    assert found.worst.error == found.supremum
    assert found.mean == pytest.approx(np.mean(means))
    assert found.quantile(0.9) == pytest.approx(np.quantile(means, 0.9))
    assert found.quantile(0.5) < found.quantile(0.9) < found.supremum


def test_the_order_of_networks_does_not_matter():
    targets, predictions = np.random.default_rng(2).normal(size=(2, len(CELLS)))
    here = sign_errors(targets, predictions, FACTORS)
    for order in (np.arange(len(CELLS))[::-1], np.random.default_rng(3).permutation(len(CELLS))):
        moved = {name: [levels[i] for i in order] for name, levels in FACTORS.items()}
        assert sign_errors(targets[order], predictions[order], moved) == here


def test_chance_perfect_and_reversed():
    targets = np.random.default_rng(0).normal(size=len(CELLS))
    for predictions, error in [(targets, 0), (-targets, 1), (np.ones(len(CELLS)), 0.5)]:
        found = sign_errors(targets, predictions, FACTORS)
        assert {each.error for each in found.environments} == {error}
        assert (found.supremum, found.mean, found.quantile(0.25)) == (error, error, error)


def test_the_worst_environment_shows_what_a_mean_hides():
    width, dropout = np.array(FACTORS["width"]), np.array(FACTORS["dropout"])
    targets = width / 100 + dropout
    found = sign_errors(targets, width / 100 - dropout, FACTORS)
    assert found.worst == Environment("dropout", (0.0, 0.5), 3 * 2 * 3 * 3, 1.0)
    assert found.supremum == 1
    assert found.mean == pytest.approx((1 + 0.5 + 0 + 0 + 0) / 5)


def test_environments_with_too_few_pairs_are_set_apart():
    factors = {"width": [1, 1, 2, 2, 3], "depth": [1] * 5}
    found = sign_errors([1, 2, 3, 4, 5], [1, 2, 3, 4, 0], factors, least_pairs=4)
    assert found.environments == (Environment("width", (1, 2), 4, 0.0),)
    assert found.too_few == (
        Environment("width", (1, 3), 2, 1.0),
        Environment("width", (2, 3), 2, 1.0),
    )
    assert sign_errors([1, 2, 3, 4, 5], [1, 2, 3, 4, 0], factors).environments == ()


@pytest.mark.parametrize("factors", [{}, {"width": [1, 1]}, {"width": [1, 2], "depth": [1, 2]}])
def test_without_an_environment_nothing_is_defined(factors):
    found = sign_errors([1, 2], [1, 2], factors)
    assert found.worst is None
    assert math.isnan(found.supremum)
    assert math.isnan(found.mean)
    assert math.isnan(found.quantile(0.5))
