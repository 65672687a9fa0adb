import itertools
import math

import numpy as np
import pytest
from scipy import stats

from leaderboard.scoring.granulated import granulated_kendall


def grid(**levels):
    cells = list(itertools.product(*levels.values()))
    return dict(zip(levels, map(list, zip(*cells, strict=True)), strict=True))


def test_is_the_mean_of_kendall_within_settings_on_a_full_grid():
    factors = grid(width=[1, 2, 3, 4], depth=[2, 4, 8], norm=["batch", "none"])
    draw = np.random.default_rng(5)
    targets, predictions = draw.normal(size=(2, 24))
    found = granulated_kendall(targets, predictions + targets, factors)
    by_factor = {}
    for name in factors:
        rest = list(zip(*(factors[other] for other in factors if other != name), strict=True))
        settings = [[i for i in range(24) if rest[i] == setting] for setting in sorted(set(rest))]
        by_factor[name] = np.mean(
            [stats.kendalltau(targets[s], (predictions + targets)[s]).statistic for s in settings]
        )
    assert found.by_factor == pytest.approx(by_factor, abs=1e-15)
    assert found.mean == pytest.approx(np.mean(list(by_factor.values())), abs=1e-15)
    assert found.pairs == {"width": 6 * 6, "depth": 8 * 3, "norm": 12}


def test_a_factor_that_drives_all_does_not_hide_the_other():
    factors = grid(width=[1, 2, 3], depth=[1, 2, 3])
    width, depth = np.array(factors["width"]), np.array(factors["depth"])
    found = granulated_kendall(100 * width + depth, 100 * width - depth, factors)
    assert found.by_factor == {"width": 1, "depth": -1}
    assert found.mean == 0


def test_by_hand_with_copies_and_ties():
    factors = {"width": [1, 1, 2, 2], "depth": [5, 5, 5, 5]}
    found = granulated_kendall([0.1, 0.2, 0.3, 0.1], [1, 2, 2, 3], factors)
    # Width 1 against 2, copies crossed: right, tie of targets, tie of predictions, wrong.
    assert found.by_factor["width"] == 0
    assert found.pairs == {"depth": 0, "width": 4}
    assert math.isnan(found.by_factor["depth"])
    assert found.mean == 0
    reached = granulated_kendall([0.1, 0.2, 0.3, 0.1], [1, 2, 2.5, 3], factors)
    assert reached.by_factor["width"] == (1 + 1 + 0 - 1) / 4
    assert granulated_kendall([0.3, 0.3], [0, 1], {"w": [1, 2]}).mean == 0
    assert granulated_kendall([0.3, 0.1 + 0.2], [0, 1], {"w": [1, 2]}).mean == 0


def test_no_factor_with_a_pair_has_no_mean():
    assert math.isnan(granulated_kendall([1, 2], [1, 2], {}).mean)
    tied = {"width": [1, 2], "depth": [1, 2]}
    found = granulated_kendall([1, 2], [1, 2], tied)
    assert math.isnan(found.mean)
    assert found.pairs == {"depth": 0, "width": 0}
    assert math.isnan(granulated_kendall([], [], {"width": []}).mean)


def test_the_order_of_networks_does_not_matter():
    factors = grid(width=[1, 2, 3], depth=[2, 4], copy_free=["a", "b"])
    targets, predictions = np.random.default_rng(2).normal(size=(2, 12))
    order = np.random.default_rng(3).permutation(12)
    moved = {name: [levels[i] for i in order] for name, levels in factors.items()}
    assert granulated_kendall(targets[order], predictions[order], moved) == granulated_kendall(
        targets, predictions, factors
    )
