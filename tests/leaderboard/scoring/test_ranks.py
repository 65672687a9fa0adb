import math

import numpy as np
import pytest
from scipy import stats

from leaderboard.scoring.ranks import average_ranks, dense_ranks


@pytest.mark.parametrize("distinct", [1, 4, 1000])
def test_agree_with_scipy(distinct):
    values = np.random.default_rng(distinct).integers(-distinct, distinct, 200) / 3
    assert dense_ranks(values).tolist() == (stats.rankdata(values, "dense") - 1).tolist()
    assert average_ranks(values).tolist() == stats.rankdata(values).tolist()


@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e150])
def test_only_rounding_ties(scale):
    values = scale * np.array([0.3, 0.1 + 0.2, 1e-17, 0.0, 0.3 + 1e-11, -0.3])
    assert dense_ranks(values).tolist() == [2, 2, 1, 1, 3, 0]


def test_a_wild_value_makes_no_ties():
    assert dense_ranks([0.1, 0.10001, 1e300, 0.2, -1e300]).tolist() == [1, 2, 4, 3, 0]


def test_nothing_has_no_ranks_and_infinity_is_refused():
    assert dense_ranks([]).tolist() == average_ranks([]).tolist() == []
    for wrong in (math.nan, math.inf):
        with pytest.raises(ValueError, match="only finite values have ranks"):
            dense_ranks([0.1, wrong])
