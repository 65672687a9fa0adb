import numpy as np
import pandas as pd
import pytest

from baselines import weight_statistics as module
from baselines.weight_statistics import (
    WEIGHT_STATISTICS,
    WEIGHT_STATISTICS_BOOSTED,
    weight_statistics,
)
from demogen import measure
from leaderboard.results.evaluation import evaluate


@pytest.mark.parametrize("block_bytes", [1, 64 << 20])
def test_a_zoo_at_once_is_what_its_networks_are_one_by_one(tiny_zoo, block_bytes, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    together = weight_statistics(tiny_zoo)
    single = measure(WEIGHT_STATISTICS, tiny_zoo, cache=False)
    pd.testing.assert_frame_equal(together.loc[single.index], single, rtol=1e-12)


def test_boosted_trees_are_constant_below_40_networks():
    X = np.random.default_rng(0).standard_normal((50, 3))
    regressor = WEIGHT_STATISTICS_BOOSTED.regressor
    for count, constant in ((39, True), (50, False)):
        predicted = regressor.fit(X[:count], X[:count, 0]).predict(X)
        assert (np.ptp(predicted) < 1e-12) == constant


def test_test_accuracy_on_the_zoos_own_split(tiny_zoo):
    with pytest.warns(RuntimeWarning, match="columns of rank 23 on 24 networks"):
        result = evaluate(
            WEIGHT_STATISTICS, tiny_zoo, split="kfold-10", target="test_accuracy", cache=False
        )
    assert result.scores.kendall is not None
    assert result.scores.r2_pooled is not None
