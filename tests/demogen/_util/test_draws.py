import numpy as np
import pytest

from demogen._util.draws import Draws


@pytest.mark.parametrize("seed", [0, 1, 2**40 + 3])
def test_they_are_those_of_todays_generator(seed):
    ours, theirs = Draws(seed), np.random.default_rng(seed)
    for values in (np.arange(3000), np.arange(7) * 11, np.arange(1), np.arange(0)):
        assert ours.permutation(values).tolist() == theirs.permutation(values).tolist()
        assert ours.integers(10, 501).tolist() == theirs.integers(0, 10, 501).tolist()
        assert ours.integers(1, 3).tolist() == theirs.integers(0, 1, 3).tolist()
    # Every third word is too uneven for so large a bound.
    bound = 2**31 + 2**30
    assert ours.integers(bound, 300).tolist() == theirs.integers(0, bound, 300).tolist()


PERMUTED = [7, 6, 1, 3, 2, 4, 0, 9, 5, 8]
DRAWN = [67, 80, 2, 80, 46, 51, 63, 28]


def test_they_are_the_same_for_good():
    """Written down once: another numpy is held against these, not against itself."""
    assert Draws(5).permutation(np.arange(10)).tolist() == PERMUTED
    assert Draws(5).integers(100, 8).tolist() == DRAWN
