import numpy as np
import pytest

from leaderboard.scoring.holm import holm


def by_the_book(p_values, alpha):
    """Holm 1979 as he puts it: reject the smallest until one exceeds α / (tests that are left)."""
    rejected = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for step, place in enumerate(order):
        if p_values[place] > alpha / (len(p_values) - step):
            break
        rejected[place] = True
    return rejected


@pytest.mark.parametrize("seed", range(20))
def test_rejects_what_the_steps_reject(seed):
    draw = np.random.default_rng(seed)
    p_values = (draw.random(12) ** 4).round(3).tolist()
    for alpha in (0.01, 0.05, 0.2):
        assert (holm(p_values) <= alpha).tolist() == by_the_book(p_values, alpha)


def test_worked_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
