import itertools
import math

import numpy as np
import pytest

from leaderboard.scoring.factors import all_pairs, encode, joint_codes, pairs_differing_in, ranked


def designs():
    """Some designs: a full grid with copies, a random one with holes, a single factor, none."""
    draw = np.random.default_rng(7)
    grid = list(itertools.product([192, 288, 384], ["batch", "none"], [0.0, 0.2], range(2)))
    width, norm, dropout, _ = zip(*grid, strict=True)
    yield "grid", {"width": width, "norm": norm, "dropout": dropout}
    yield (
        "holes",
        {f"factor{number}": draw.integers(3, size=60).tolist() for number in range(3)}
        | {"constant": ["one"] * 60},
    )
    yield "single", {"seed": list(range(9))}
    yield "copies only", {"width": [1] * 5}


DESIGNS = dict(designs())


def differing(factors, name):
    """Pairs that differ in one factor alone, found one by one."""
    networks = len(factors[name])
    return {
        (one, other)
        for one, other in itertools.combinations(range(networks), 2)
        if [each for each in factors if factors[each][one] != factors[each][other]] == [name]
    }


@pytest.mark.parametrize("design", DESIGNS)
def test_pairs_that_differ_in_one_factor_alone(design):
    factors = DESIGNS[design]
    encoded = encode(factors, len(next(iter(factors.values()))))
    found = {}
    for factor in encoded:
        pairs = pairs_differing_in(factor, encoded)
        listed = [tuple(sorted(pair)) for pair in zip(pairs.first, pairs.second, strict=True)]
        assert len(set(listed)) == len(listed)
        found[factor.name] = set(listed)
    assert found == {name: differing(factors, name) for name in factors}


def test_copies_are_crossed():
    encoded = encode(DESIGNS["grid"], 24)
    assert [factor.name for factor in encoded] == ["dropout", "norm", "width"]
    counts = [len(pairs_differing_in(factor, encoded).first) for factor in encoded]
    assert counts == [6 * 2 * 2, 6 * 2 * 2, 4 * 3 * 2 * 2]


def test_levels_are_numbers_in_order_then_none_then_words():
    (factor,) = encode({"mixed": [10, "b", 2.5, math.nan, None, 10.0, float("nan"), "a"]}, 8)
    assert [str(level) for level in factor.levels] == ["2.5", "10", "None", "a", "b"]
    assert factor.codes.tolist() == [1, 4, 0, 2, 2, 1, 2, 3]


def test_codes_of_combinations_never_run_together():
    ones, twos = np.array([1, 11, 1, 1]), np.array([11, 1, 1, 11])
    joint = joint_codes([ones, twos], 4)
    assert sorted(set(joint.tolist())) == [0, 1, 2]
    assert joint[0] == joint[3]
    assert joint_codes([], 3).tolist() == [0, 0, 0]


def test_all_pairs():
    pairs = all_pairs(4)
    assert list(zip(pairs.first, pairs.second, strict=True)) == list(
        itertools.combinations(range(4), 2)
    )
    assert pairs.agreement(np.array([0, 1, 2, 2]), np.array([0, 1, 0, 3])).tolist() == [
        1, 0, 1, -1, 1, 0,
    ]  # fmt: skip
    assert len(all_pairs(0).first) == 0


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="factor 'width' has 2 levels for 3 networks"):
        encode({"width": [1, 2]}, 3)
    with pytest.raises(ValueError, match="2 targets and 1 predictions"):
        ranked([1, 2], [1], {})
