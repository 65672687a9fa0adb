"""What bootstrap intervals cost beside scikit-learn's score of one draw after another."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from leaderboard.scoring.bootstrap import intervals, resample_counts
from leaderboard.scoring.scores import STATISTICS

NETWORKS = 756
DRAWS = 1000
R2 = {"r2": STATISTICS["r2"]}


@pytest.fixture(scope="module")
def predicted():
    """Targets, predictions and configurations of made-up networks, two of each configuration."""
    draw = np.random.default_rng(0)
    y = draw.beta(2, 5, NETWORKS) / 2
    return y, y + draw.normal(0, 0.05, NETWORKS), [f"c{n // 2:03}" for n in range(NETWORKS)]


def interval_draw_by_draw(y, f, configurations):
    values = []
    for counts in resample_counts(configurations, DRAWS, seed=0):
        drawn = np.repeat(np.arange(NETWORKS), counts)
        values.append(r2_score(y[drawn], f[drawn]))
    return tuple(np.quantile(values, [0.025, 0.975]))


@pytest.mark.timeout(1800)
def test_the_interval_of_r2(ratio, predicted):
    interval = intervals(*predicted, R2, DRAWS)["r2"]
    expected = interval_draw_by_draw(*predicted)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-9)
    ratio(
        f"R² of {DRAWS} bootstrap draws of {NETWORKS} predictions, together / with scikit-learn's "
        "r2_score draw by draw (at most 0.1)",
        lambda: intervals(*predicted, R2, DRAWS),
        lambda: interval_draw_by_draw(*predicted),
        rounds=5,
    )
