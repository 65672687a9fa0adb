import numpy as np
import pandas as pd
import pytest

from leaderboard.papers.loss_lines import loss_line
from leaderboard.scoring.metrics import adjusted_r2


def table_of(true, random=(), without=0):
    """Networks as (training, test) losses; those on random labels have true test losses of 9."""
    rows = [(train, test, np.nan, 0.2) for train, test in true]
    rows += [(train, 9.0, test, 1.0) for train, test in random]
    rows += [(np.nan, np.nan, np.nan, 0.0)] * without
    names = [f"{part}_normalized_cross_entropy" for part in ("train", "test", "corrupted_test")]
    return pd.DataFrame(rows, columns=[*names, "corruption"])


TRUE = [(2.0, 2.3), (2.1, 2.45), (2.2, 2.47), (2.3, 2.6)]
RANDOM = [(2.29, 2.9)]


@pytest.mark.parametrize("random_labels", [False, True])
def test_the_line_is_that_of_least_squares_through_these_networks(random_labels):
    found = loss_line(table_of(TRUE, RANDOM, without=3), random_labels=random_labels)
    train, test = np.array([*TRUE, *RANDOM] if random_labels else TRUE).T
    slope, intercept = np.polyfit(train, test, 1)
    residual = test - slope * train - intercept
    r2 = 1 - residual @ residual / np.sum((test - test.mean()) ** 2)
    expected = (slope, intercept, r2, np.sqrt(np.mean(residual**2)))
    np.testing.assert_allclose(found.fit, expected, rtol=1e-9)
    assert found.networks == len(train)
    assert found.adjusted_r2 == pytest.approx(adjusted_r2(r2, len(train), 1), rel=1e-9)


@pytest.mark.parametrize(
    ("table", "random_labels"),
    [
        (table_of(TRUE), True),
        (table_of(TRUE[:2], RANDOM), False),
        (table_of(TRUE[:1], RANDOM), True),
        (table_of([], without=5), False),
    ],
)
def test_no_line_without_the_networks_it_is_of(table, random_labels):
    assert loss_line(table, random_labels=random_labels) is None
