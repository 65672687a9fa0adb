import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from baselines import weight_statistics as module
from baselines.weight_statistics import (
    WEIGHT_STATISTICS,
    WEIGHT_STATISTICS_BOOSTED,
    weight_statistics,
)
from demogen import Network, NotMeasurable, measure
from leaderboard.results.evaluation import evaluate


@pytest.mark.parametrize("block_bytes", [1, 64 << 20])
def test_a_zoo_at_once_is_what_its_networks_are_one_by_one(tiny_zoo, block_bytes, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    together = weight_statistics(tiny_zoo)
    single = measure(WEIGHT_STATISTICS, tiny_zoo, cache=False)
    pd.testing.assert_frame_equal(together.loc[single.index], single, rtol=1e-12)


def of_layers(layers, dtype=torch.float32):
    images = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return Network.of(nn.Sequential(nn.Flatten(), *layers).to(dtype), images, torch.arange(8) % 3)


def test_half_precision_is_read_as_it_is():
    weight = torch.arange(48).reshape(3, 16) / 64
    dense = nn.Linear(16, 3, bias=False)
    dense.load_state_dict({"weight": weight})
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        signature = measure(WEIGHT_STATISTICS, of_layers([dense], dtype))
        assert signature["1.weight.mean"] == 23.5 / 64
        assert signature["1.weight.q100"] == 47 / 64


@pytest.mark.parametrize(
    "altered",
    [
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
        nn.utils.spectral_norm,
        nn.utils.parametrizations.weight_norm,
    ],
    ids=["pruned", "hook", "parametrized"],
)
def test_weights_that_are_computed_from_others_are_refused(altered):
    dense = altered(nn.Linear(16, 3))
    with pytest.raises(NotMeasurable, match=r"'1' \(.*Linear\) computes weights from other"):
        measure(WEIGHT_STATISTICS, of_layers([dense]))


def test_weights_are_measured_where_pruning_was_made_permanent():
    dense = nn.Linear(16, 3)
    prune.l1_unstructured(dense, "weight", 0.9)
    prune.remove(dense, "weight")
    assert measure(WEIGHT_STATISTICS, of_layers([dense]))["1.weight.q50"] == 0


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
