import hashlib
import itertools
import json
from collections import Counter

import pytest

from demogen.errors import RecipeError
from zoo_recipes.designs import (
    Design,
    Sample,
    balanced_cells,
    check_design,
    check_sample,
    matched_pairs,
    product_size,
)

GRID = {
    "norm": [False, True],
    "dropout": [0.0, 0.3, 0.5],
    "batch": [128, 256, 512],
    "augmentation": [[], ["crop", "flip"]],
    "corruption": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
}
CONTAINED = tuple(
    {"norm": False, "dropout": 0.0, "batch": 128, "augmentation": ["crop", "flip"], "corruption": c}
    for c in GRID["corruption"]
)


def text(cell):
    return json.dumps(cell, sort_keys=True)


def counts(cells, *factors):
    """How often each combination of these factors' levels occurs, absent ones included."""
    found = Counter(text([cell[factor] for factor in factors]) for cell in cells)
    return [found[text(list(levels))] for levels in itertools.product(*(GRID[f] for f in factors))]


@pytest.mark.parametrize(
    ("cells", "contains"), [(7, ()), (30, ()), (65, ()), (18, CONTAINED), (65, CONTAINED)]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_designs_are_balanced_distinct_and_contain_what_they_must(cells, contains, seed):
    found = balanced_cells(Design(cells=cells, seed=seed, contains=contains), GRID)
    assert len({text(cell) for cell in found}) == len(found) == cells
    assert {text(cell) for cell in contains} <= {text(cell) for cell in found}
    for factor, levels in GRID.items():
        assert {text(cell[factor]) for cell in found} <= {text(level) for level in levels}
        assert max(counts(found, factor)) - min(counts(found, factor)) <= 1


def test_pairs_of_levels_are_even():
    found = balanced_cells(Design(cells=72), GRID)
    for pair in itertools.combinations(GRID, 2):
        found_pair = counts(found, *pair)
        # 72 is a multiple of every product of two numbers of levels.
        assert max(abs(count - 72 / len(found_pair)) for count in found_pair) <= 1


def test_a_design_that_can_be_orthogonal_is():
    grid = {"a": [0, 1], "b": [0, 1], "c": [0, 1]}
    for seed in range(5):
        found = balanced_cells(Design(cells=4, seed=seed), grid)
        for pair in itertools.combinations(grid, 2):
            assert len({tuple(cell[factor] for factor in pair) for cell in found}) == 4


def test_crossed_factors_meet_every_cell_of_the_others():
    found = balanced_cells(Design(cells=36, crossed=("corruption",)), GRID)
    others = Counter(text({**cell, "corruption": None}) for cell in found)
    assert len(others) == 6
    assert set(others.values()) == {6}
    assert counts(found, "corruption") == [6] * 6
    assert counts(found, "norm") == [18, 18]
    assert counts(found, "dropout") == [12, 12, 12]
    assert list(found[0]) == list(GRID)


def test_the_whole_grid_and_a_grid_of_crossed_factors_are_designs_too():
    grid = {"a": [0, 1], "b": [0, 1, 2]}
    every = [dict(zip(grid, levels, strict=True)) for levels in itertools.product(*grid.values())]
    assert balanced_cells(Design(cells=6), grid) == every
    assert balanced_cells(Design(cells=6, crossed=("a", "b")), grid) == every


def test_a_design_is_the_same_everywhere_and_another_seed_gives_another():
    cells = balanced_cells(Design(cells=30, contains=CONTAINED), GRID)
    digest = hashlib.sha256(text(cells).encode()).hexdigest()
    assert digest[:12] == "61c62415f5e8"
    assert balanced_cells(Design(cells=30, seed=1, contains=CONTAINED), GRID) != cells


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (Design(cells=217), "217 cells of a grid that has only 216"),
        (Design(cells=30, crossed=("droput",)), "'droput'; did you mean 'dropout'"),
        (Design(cells=20, crossed=("dropout",)), "20 cells is no multiple of the 3 of the crossed"),
        (Design(cells=30, contains=({"norm": True},)), "has no level of 'dropout'"),
        (Design(cells=30, contains=({"nrm": True},)), "'nrm'; did you mean 'norm'"),
        (
            Design(cells=30, contains=({**CONTAINED[0], "batch": 64},)),
            r"has batch = 64, which is not in the grid: \[128, 256, 512\]",
        ),
        (
            Design(cells=36, crossed=("corruption",), contains=CONTAINED[:1]),
            "no factor in the grid .in 'contains'. 'corruption'",
        ),
        (Design(cells=5, contains=CONTAINED), "it contains more cells than 5"),
    ],
)
def test_impossible_designs_say_what_is_wrong(design, message):
    with pytest.raises(RecipeError, match=message):
        check_design(design, GRID)


def test_contained_cells_must_leave_room_for_balance():
    with pytest.raises(RecipeError, match="have norm = False 6 times, more than its share of 7"):
        balanced_cells(Design(cells=7, contains=CONTAINED), GRID)


def small_pairs(sample):
    return matched_pairs(sample, GRID, lambda cell: text(cell))


def test_pairs_differ_in_one_factor_each_factor_in_turn():
    found = small_pairs(Sample(networks=60, pairs=("norm", "corruption", "dropout")))
    assert len({text(cell) for cell in found}) == len(found) == 60
    differing = []
    for first, second in zip(found[::2], found[1::2], strict=True):
        (factor,) = (name for name in GRID if first[name] != second[name])
        differing.append(factor)
    assert differing == ["norm", "corruption", "dropout"] * 10


def test_levels_are_drawn_as_likely_as_they_should_be():
    grid = {"size": [1, 2, 3, 4], "pair": [0, 1], "copy": list(range(20_000))}
    sample = Sample(networks=8000, pairs=("pair",), small_first=("size",))
    drawn = matched_pairs(sample, grid, lambda cell: text(cell))[::2]
    for level, probability in zip(grid["size"], (0.4, 0.3, 0.2, 0.1), strict=True):
        share = sum(cell["size"] == level for cell in drawn) / len(drawn)
        # Four standard deviations of a share of 4,000 draws.
        assert abs(share - probability) < 4 * (probability * (1 - probability) / 4000) ** 0.5
    low = sum(cell["copy"] < 10_000 for cell in drawn) / len(drawn)
    assert abs(low - 0.5) < 4 * (0.25 / 4000) ** 0.5


def test_unwanted_cells_and_other_names_of_one_network_are_not_drawn():
    def identity(cell):
        return None if cell["corruption"] > 0.5 else text({**cell, "batch": 0})

    sample = Sample(networks=20, pairs=("norm", "batch"))
    found = matched_pairs(Sample(networks=20, pairs=("norm",)), GRID, identity)
    assert all(cell["corruption"] < 0.5 for cell in found)
    assert len({identity(cell) for cell in found}) == 20
    with pytest.raises(RecipeError, match="no more than 2 different networks"):
        matched_pairs(sample, GRID, identity)


def test_a_sample_is_the_same_everywhere_and_another_seed_gives_another():
    found = small_pairs(Sample(networks=60, pairs=("norm",), small_first=("dropout",)))
    assert hashlib.sha256(text(found).encode()).hexdigest()[:12] == "5043351b10e9"
    assert small_pairs(Sample(networks=60, pairs=("norm",), seed=1)) != found


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample(networks=218, pairs=("norm",)), "218 networks of a grid that has only 216"),
        (Sample(networks=2, pairs=("nrm",)), "'nrm'; did you mean 'norm'"),
        (Sample(networks=2, pairs=("norm",), small_first=("bach",)), "did you mean 'batch'"),
        (Sample(networks=2, pairs=("single",)), "'single', which has one level"),
    ],
)
def test_impossible_samples_say_what_is_wrong(sample, message):
    grid = {**GRID, "single": [1]}
    assert product_size(grid) == 216
    with pytest.raises(RecipeError, match=message):
        check_sample(sample, grid)
