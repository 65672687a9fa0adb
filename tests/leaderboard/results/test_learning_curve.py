import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from demogen.errors import ResultError
from demogen.format.splits import make_splits
from leaderboard.results import learning_curve
from leaderboard.results.learning_curve import (
    r2_of_best_trained,
    r2_of_random_networks,
    sizes_up_to,
)


@pytest.fixture
def result(make):
    zoo = make.zoo(20)
    zoo.splits = make_splits(zoo.table)
    [made] = make.results(zoo, splits=["grouped-kfold-10"])
    return made


def test_all_networks_have_the_score_of_the_split(result):
    networks = len(result.targets)
    found = r2_of_random_networks(result, LinearRegression(), [networks], 2)
    assert found[0, 0] == pytest.approx(result.scores.r2_pooled, rel=1e-9)
    # Folds are dealt anew.
    assert found[0, 1] != found[0, 0]
    everyone = dict.fromkeys(result.targets, 0.5)
    alike = r2_of_best_trained(result, LinearRegression(), everyone, [0.5, 0.6], 2)
    np.testing.assert_array_equal(alike[0], found[0])
    assert np.isnan(alike[1]).all()


def test_copies_are_drawn_together_and_larger_draws_hold_smaller_ones(result, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        learning_curve,
        "out_of_fold_r2",
        lambda result, regressor, networks, seed: drawn.append(networks) or 0.5,
    )
    r2_of_random_networks(result, LinearRegression(), [6, 12], 3)
    copies = {}
    for network, configuration in result.configurations.items():
        copies.setdefault(configuration, set()).add(network)
    for small, large in zip(drawn[::2], drawn[1::2], strict=True):
        assert set(small) < set(large)
        assert 4 < len(small) <= 6 < 10 < len(large) <= 12
        assert all(copies[result.configurations[network]] <= set(large) for network in large)
    assert len({tuple(sorted(each)) for each in drawn[::2]}) > 1


def test_small_zoos_have_no_curve():
    assert sizes_up_to(20) == (20,)
    with pytest.raises(ResultError, match="needs 20 networks or more; there are 19"):
        sizes_up_to(19)
