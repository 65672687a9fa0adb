import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from demogen.errors import ResultError
from demogen.measuring.least_squares import LeastSquares
from leaderboard.results import permutation
from leaderboard.results.permutation import permutation_test
from leaderboard.scoring.metrics import r2

SPLIT = ["grouped-kfold-10"]


def reference(result, zoo, permutations):
    """By the definition, least squares solved by numpy, targets dealt out as whole rows."""
    ids = sorted(result.targets)
    X = np.array([[1.0, *result.signatures[n]] for n in ids])
    y = np.array([result.targets[n] for n in ids])
    configuration = np.array([result.configurations[n] for n in ids])
    names = sorted(set(configuration))
    rows = np.array([np.flatnonzero(configuration == name) for name in names])

    def score(y):
        predicted = np.empty_like(y)
        for fold in result.folds:
            test = np.isin(ids, fold.ids)
            predicted[test] = X[test] @ np.linalg.lstsq(X[~test], y[~test], rcond=None)[0]
        return r2(y, predicted)

    draw = np.random.RandomState(0)
    scores = []
    for _ in range(permutations):
        dealt = y.copy()
        dealt[rows.ravel()] = y[rows[draw.permutation(len(rows))].ravel()]
        scores.append(score(dealt))
    return (1 + sum(s >= score(y) for s in scores)) / (1 + permutations)


@pytest.mark.parametrize("noise", [0.05, 1.0, 3.0])
def test_p_is_the_share_of_permutations_that_score_as_high(zoo, make, noise):
    [result] = make.results(zoo, splits=SPLIT, noise=noise)
    test = permutation_test(result, LeastSquares(), 40)
    assert test.p == reference(result, zoo, 40)
    assert test.observed == pytest.approx(result.scores.r2_pooled, abs=1e-9)
    assert permutation_test(result, LeastSquares(), 40) == test


def test_a_measure_that_knows_the_gap_has_the_least_p_and_a_constant_none(zoo, make):
    [good] = make.results(zoo, splits=SPLIT, noise=0.01)
    assert permutation_test(good, LeastSquares(), 99).p == 1 / 100
    [average] = make.results(zoo, splits=SPLIT, regressor=DummyRegressor())
    assert permutation_test(average, DummyRegressor(), 99).p > 0.05


def test_copies_keep_together(zoo, make, monkeypatch):
    """Dealt out one by one, copies would make chance look rarer than it is."""
    [result] = make.results(zoo, splits=SPLIT)
    dealt = []
    score = permutation._pooled_r2
    monkeypatch.setattr(
        permutation, "_pooled_r2", lambda r, g, t: dealt.append(t) or score(r, g, t)
    )
    permutation_test(result, LeastSquares(), 3)
    by_configuration = {}
    for network, name in sorted(result.configurations.items()):
        by_configuration.setdefault(name, []).append(network)
    blocks = {tuple(result.targets[n] for n in block) for block in by_configuration.values()}
    assert dealt[0] == result.targets
    for targets in dealt[1:]:
        assert targets != result.targets
        assert {tuple(targets[n] for n in block) for block in by_configuration.values()} == blocks


def test_configurations_of_other_sizes_exchange_nothing(zoo, make):
    [result] = make.results(zoo, splits=SPLIT)
    names = dict.fromkeys(result.targets, "one")
    assert permutation_test(result.model_copy(update={"configurations": names}), None) is None


def test_what_has_no_pooled_score_is_not_tested(make, zoo):
    [result] = make.results(zoo, splits=["holdout-100"])
    assert permutation_test(result, LeastSquares()) is None


def test_the_cost_is_bounded(zoo, make, monkeypatch):
    [result] = make.results(zoo, splits=SPLIT)
    monkeypatch.setattr(permutation, "MOST_FITS", 55)
    assert permutation_test(result, LeastSquares()).permutations == 5
    with pytest.raises(ResultError, match="0 permutations test nothing"):
        permutation_test(result, LeastSquares(), 0)
