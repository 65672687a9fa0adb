import math

import numpy as np
import pytest

from leaderboard.scoring.factors import encode, joint_codes, ranked


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


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="factor 'width' has 2 levels for 3 networks"):
        encode({"width": [1, 2]}, 3)
    with pytest.raises(ValueError, match="2 targets and 1 predictions"):
        ranked([1, 2], [1], {})
