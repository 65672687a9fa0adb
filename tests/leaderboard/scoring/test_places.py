import numpy as np
import pytest
from scipy.stats import rankdata

from leaderboard.scoring.places import place_bounds, places, spread


def test_they_are_ranks_with_ties_at_the_one_nearest_to_the_middle():
    everywhere = np.random.RandomState(0).randint(5, size=40) / 7
    first, last = (rankdata(everywhere, method) for method in ("min", "max"))
    assert places(everywhere, everywhere).tolist() == np.clip(20.5, first, last).tolist()


@pytest.mark.parametrize("other", [-1.0, 0.0, 1.0])
def test_most_networks_are_in_the_middle_whatever_the_few_others_do(other):
    found = places([0.0, other], [0.0] * 9 + [other])
    assert found.tolist() == [5.5, {-1.0: 1, 0.0: 5.5, 1.0: 10}[other]]


def test_what_differs_by_rounding_ties():
    everywhere = [0.1 + 0.2, 0.3, 0.3 * (1 + 2e-16), 0.0, 1e-17]
    assert places(everywhere, everywhere).tolist() == [3, 3, 3, 2, 2]


def test_a_wild_prediction_leaves_the_others_their_places():
    everywhere = [-1.7e308, 0.1, 0.2, 0.3, 1.7e308]
    assert places(everywhere, everywhere).tolist() == [1, 2, 3, 4, 5]
    assert np.isfinite(spread(everywhere))


def test_bounds_hold_every_place_within_the_slack():
    draw = np.random.RandomState(1)
    everywhere, slack = draw.standard_normal(30), 0.05
    bounds = place_bounds(everywhere[:8], everywhere, slack)
    for _ in range(50):
        moved = everywhere + draw.uniform(-slack / 2, slack / 2, 30)
        found = places(moved[:8], moved)
        assert (bounds.least <= found).all()
        assert (found <= bounds.greatest).all()
    assert (bounds.greatest - bounds.least).max() > 0


@pytest.mark.parametrize("values", [[0.3, 0.1 + 0.2], [5.0], [0.0, 0.0]])
def test_equal_predictions_have_no_spread(values):
    assert spread(values) == 0.0


def test_spread_is_the_standard_deviation():
    values = np.random.RandomState(2).standard_normal(20) + 100
    assert spread(values) == pytest.approx(values.std(), rel=1e-12)
