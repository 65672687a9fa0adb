import itertools

import numpy as np
import pytest

from leaderboard.scoring.cells import cells
from leaderboard.scoring.factors import encode
from leaderboard.scoring.granulated import granulated_kendall
from leaderboard.scoring.robust_sign_error import robust_sign_errors
from leaderboard.scoring.sign_error import sign_errors


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


def pairs_of(of_factor):
    """All pairs of a factor, by position of the networks."""
    order = of_factor.order
    return [
        (int(order[one]), int(order[other]))
        for pairs in of_factor.blocks()
        for one, other in zip(pairs.of_first(np.arange(len(order))), pairs.second, strict=True)
    ]


@pytest.mark.parametrize("at_once", [1, 5, 10**6])
@pytest.mark.parametrize("design", DESIGNS)
def test_pairs_that_differ_in_one_factor_alone(design, at_once, monkeypatch):
    monkeypatch.setattr("leaderboard.scoring.cells.PAIRS_AT_ONCE", at_once)
    factors = DESIGNS[design]
    encoded = encode(factors, len(next(iter(factors.values()))))
    found = {}
    for of_factor in cells(encoded, len(encoded[0].codes)):
        listed = [tuple(sorted(pair)) for pair in pairs_of(of_factor)]
        assert len(set(listed)) == len(listed) == of_factor.later.sum()
        found[of_factor.factor.name] = set(listed)
    assert found == {name: differing(factors, name) for name in factors}


def test_copies_are_crossed():
    encoded = encode(DESIGNS["grid"], 24)
    assert [factor.name for factor in encoded] == ["dropout", "norm", "width"]
    counts = [len(pairs_of(of_factor)) for of_factor in cells(encoded, 24)]
    assert counts == [6 * 2 * 2, 6 * 2 * 2, 4 * 3 * 2 * 2]


def test_the_network_of_the_smaller_level_comes_first_and_signs_are_its():
    [of_factor] = cells(encode({"width": [4, 2, 2, 1]}, 4), 4)
    assert pairs_of(of_factor) == [(3, 1), (3, 2), (3, 0), (1, 0), (2, 0)]
    [pairs] = of_factor.blocks()
    ranks, others = np.array([0, 1, 2, 2]), np.array([0, 1, 0, 3])
    signs = pairs.agreement(ranks[of_factor.order], others[of_factor.order])
    assert signs.tolist() == [1, 0, 1, 1, 0]


def test_environments_are_numbered_in_the_order_of_pairs():
    encoded = encode({"depth": [1, 1, 1, 2, 2], "width": [1, 2, 3, 1, 2]}, 5)
    _, of_width = cells(encoded, 5)
    # Of the cell of depth 1: widths 1 with 2 and 3, then 2 with 3; then that of depth 2.
    assert of_width.environments.tolist() == [0, 2, 3, 3, 4]


@pytest.mark.parametrize(("limit", "most"), [("MOST_PAIRS", 500), ("MOST_ENVIRONMENTS", 1)])
def test_above_a_limit_there_are_no_pairs(limit, most, monkeypatch):
    encoded = encode(DESIGNS["holes"], 60)
    monkeypatch.setattr(f"leaderboard.scoring.cells.{limit}", most)
    of_factors = list(cells(encoded, 60))
    assert not any(of_factor.few for of_factor in of_factors if len(of_factor.factor.levels) > 2)
    assert all(of_factor.few or not pairs_of(of_factor) for of_factor in of_factors)


def test_what_is_taken_of_pairs_does_not_depend_on_how_many_are_looked_at_together(monkeypatch):
    draw = np.random.default_rng(3)
    targets, predictions = draw.integers(40, size=(2, 60)) / 100
    many = {"seed": draw.integers(900, size=60).tolist(), **DESIGNS["holes"]}
    found = []
    for at_once in (7, 10**6):
        monkeypatch.setattr("leaderboard.scoring.cells.PAIRS_AT_ONCE", at_once)
        monkeypatch.setattr("leaderboard.scoring.sign_error._FEW_LEVELS", at_once)
        errors = robust_sign_errors(targets, predictions, DESIGNS["holes"], None, 2.0)
        found.append(
            (
                str(granulated_kendall(targets, predictions, DESIGNS["holes"])),
                sign_errors(targets, predictions, DESIGNS["holes"]),
                str(granulated_kendall(targets, predictions, many)),
                errors.too_few,
                errors.errors.round(12).tolist(),
            )
        )
    assert found[0] == found[1]
    assert len(found[0][4]) > 10


def test_many_levels_take_no_table_of_all_their_pairs(monkeypatch):
    seeds = list(range(40))
    factors = {"seed": seeds, "pair": [seed // 2 for seed in seeds]}
    whole = sign_errors(seeds, seeds[::-1], factors, least_pairs=1)
    monkeypatch.setattr("leaderboard.scoring.sign_error._FEW_LEVELS", 8)
    monkeypatch.setattr("leaderboard.scoring.cells.PAIRS_AT_ONCE", 3)
    assert sign_errors(seeds, seeds[::-1], factors, least_pairs=1) == whole
    assert len(whole.environments) == 20
