import math
import warnings

import numpy as np
import pytest

from leaderboard.scoring import bootstrap
from leaderboard.scoring.all_pairs import all_pairs
from leaderboard.scoring.scores import STATISTICS


@pytest.fixture(scope="module")
def field():
    """Targets, four predictors of which two are equal, and configurations of three copies."""
    draw = np.random.default_rng(0)
    y = draw.normal(size=60)
    of_all = y + draw.normal(size=(3, 60)) * [[0.3], [0.35], [1.0]]
    return y, np.vstack([of_all, of_all[1]]), [str(n // 3) for n in range(60)]


def test_every_pair_is_as_compared_by_itself(field, monkeypatch):
    y, of_all, groups = field
    # Several blocks of draws.
    monkeypatch.setattr(bootstrap, "_COUNTS_AT_ONCE", 7000)
    monkeypatch.setattr("leaderboard.scoring.all_pairs._DRAWS_AT_ONCE", 50)
    found = all_pairs(y, of_all, groups, draws=300, seed=4)
    for i, one in enumerate(of_all):
        for j, other in enumerate(of_all):
            alone = bootstrap.compare(y, one, other, groups, STATISTICS["r2"], draws=300, seed=4)
            assert found.first_better[i, j] == pytest.approx(alone.first_better)
            assert found.defined[i, j] == 300


def test_p_values_count_one_more_draw_against_the_better(field):
    y, of_all, groups = field
    found = all_pairs(y, of_all, groups, draws=400)
    assert 0 < found.first_better[1, 0] < 0.5
    against = round(400 * found.first_better[1, 0])
    assert found.p_values[0, 1] == found.p_values[1, 0] == pytest.approx(2 * (against + 1) / 401)
    assert found.first_better[0, 2] == 1
    assert found.p_values[0, 2] == pytest.approx(2 / 401)
    # The same predictions are no better than themselves.
    assert found.p_values[1, 3] == 1
    assert np.diag(found.p_values).tolist() == [1] * 4


def test_draws_in_which_nothing_is_defined_do_not_count():
    y = np.array([0.0, 0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = all_pairs(y, [y, y + 0.1], list("abc"), draws=200)
        none = all_pairs(np.zeros(3), [y, y + 0.1], list("abc"), draws=200)
    assert 0 < found.defined[0, 1] < 200
    assert found.first_better[0, 1] == 1
    assert math.isnan(none.first_better[0, 1])
    assert none.p_values.tolist() == [[1, 1], [1, 1]]
