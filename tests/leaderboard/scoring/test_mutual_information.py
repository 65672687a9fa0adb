import itertools
import math

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from leaderboard.scoring.mutual_information import conditional_information

CELLS = list(itertools.product([1, 11, 2], ["1", "11"], [0.0, 0.5], range(3)))
FACTORS = {
    "width": [cell[0] for cell in CELLS],
    "norm": [cell[1] for cell in CELLS],
    "dropout": [cell[2] for cell in CELLS],
}
NETWORKS = len(CELLS)


def one_by_one(targets, predictions, chosen):
    """The value for one set from scikit-learn's mutual information within each key."""
    keys = {}
    for a, b in itertools.permutations(range(NETWORKS), 2):
        key = tuple((FACTORS[name][a], FACTORS[name][b]) for name in chosen)
        signs = np.sign(targets[a] - targets[b]), np.sign(predictions[a] - predictions[b])
        keys.setdefault(key, []).append(signs)
    information = uncertainty = 0.0
    for pairs in keys.values():
        v, u = zip(*pairs, strict=True)
        information += len(pairs) * mutual_info_score(v, u)
        uncertainty += len(pairs) * entropy(np.unique(v, return_counts=True)[1])
    return information / uncertainty


@pytest.mark.parametrize("distinct", [4, 10**6])
def test_agrees_with_scikit_learn_for_every_set(distinct):
    draw = np.random.default_rng(distinct)
    targets, noise = draw.integers(distinct, size=(2, NETWORKS))
    predictions = targets + noise
    found = conditional_information(targets, predictions, FACTORS)
    sets = [
        (),
        ("dropout",), ("norm",), ("width",),
        ("dropout", "norm"), ("dropout", "width"), ("norm", "width"),
    ]  # fmt: skip
    assert list(found.by_set) == sets
    for chosen in sets:
        expected = one_by_one(targets, predictions, chosen)
        assert found.by_set[chosen] == pytest.approx(expected, abs=1e-12)
    assert found.minimum == min(found.by_set.values()) == found.by_set[found.at]


def test_by_hand():
    # Of three networks two pairs are ordered alike and one is not: 1 - H(1/3) bits of one bit.
    third = -(math.log2(1 / 3) + 2 * math.log2(2 / 3)) / 3
    found = conditional_information([1, 2, 3], [1, 3, 2], {})
    assert found.by_set == {(): pytest.approx(1 - third, rel=1e-12)}
    assert found.at == ()


def test_perfect_and_reversed_predictors_tell_all():
    targets = np.random.default_rng(1).normal(size=NETWORKS)
    for predictions in (targets, np.exp(targets), -targets):
        found = conditional_information(targets, predictions, FACTORS)
        assert set(found.by_set.values()) == {1.0}
        assert found.minimum == 1


def test_predictors_that_know_nothing():
    draw = np.random.default_rng(6)
    grid = np.array(list(itertools.product(range(2), range(2), range(90))))
    factors = {"width": grid[:, 0].tolist(), "norm": grid[:, 1].tolist()}
    targets, predictions = draw.normal(size=(2, len(grid)))
    found = conditional_information(targets, predictions, factors)
    assert 0 <= found.minimum < max(found.by_set.values()) < 0.005
    constant = conditional_information(targets, np.full(len(grid), 0.3), factors)
    assert set(constant.by_set.values()) == {0.0}


def test_a_predictor_that_knows_a_factor_knows_nothing_given_it():
    width = np.array(FACTORS["width"])
    targets = width + np.random.default_rng(8).normal(0, 3, NETWORKS)
    found = conditional_information(targets, width, FACTORS)
    assert found.by_set[()] > 0.1
    assert found.by_set[("norm",)] > 0.1
    assert found.by_set[("width",)] == found.by_set[("norm", "width")] == found.minimum == 0
    assert found.at == ("width",)


def test_sets_that_leave_no_doubt_are_passed_over():
    factors = {"width": [1, 1, 2, 2], "norm": ["a", "b", "a", "b"], "constant": [0] * 4}
    found = conditional_information([1, 2, 3, 4], [1, 2, 4, 3], factors)
    assert set(found.by_set) == {(), ("norm",), ("width",), ("norm", "width")}
    assert math.isnan(found.by_set[("norm", "width")])
    assert found.minimum == min(found.by_set[chosen] for chosen in [(), ("norm",), ("width",)])


@pytest.mark.parametrize("targets", [[], [0.1], [0.3, 0.1 + 0.2, 0.3]])
def test_equal_targets_leave_nothing_to_know(targets):
    found = conditional_information(targets, np.arange(len(targets)), {})
    assert math.isnan(found.minimum)
    assert found.at is None


def test_the_order_of_networks_does_not_matter():
    draw = np.random.default_rng(9)
    targets, predictions = draw.normal(size=(2, NETWORKS))
    order = draw.permutation(NETWORKS)
    moved = {name: [levels[i] for i in order] for name, levels in FACTORS.items()}
    here = conditional_information(targets, predictions, FACTORS)
    there = conditional_information(targets[order], predictions[order], moved)
    assert there.by_set == pytest.approx(here.by_set, abs=1e-14)


def test_a_factor_that_tells_all_networks_apart_changes_nothing():
    draw = np.random.RandomState(4)
    targets, predictions = draw.standard_normal((2, NETWORKS))
    here = conditional_information(targets, predictions, FACTORS)
    there = conditional_information(targets, predictions, {**FACTORS, "seed": range(NETWORKS)})
    assert (there.minimum, there.at) == (here.minimum, here.at)


@pytest.mark.parametrize(("limit", "most"), [("MOST_GROUPS", 5), ("MOST_CELLS", 700)])
def test_where_one_set_is_too_large_nothing_is_defined(limit, most, monkeypatch):
    """The least over what is left would be another number, and depend on the order of factors."""
    draw = np.random.RandomState(5)
    targets, predictions = draw.standard_normal((2, NETWORKS))
    monkeypatch.setattr(f"leaderboard.scoring.mutual_information.{limit}", most)
    found = conditional_information(targets, predictions, FACTORS)
    assert math.isnan(found.minimum)
    assert found.at is None
