import math

import numpy as np
import pytest
import torch
from torch import nn

from baselines.functional.losses import cross_entropy, logits_of
from demogen.errors import NotMeasurable


def test_cross_entropy_is_a_mean_in_double(network):
    train = network.train
    logits = logits_of(network.module, train.images, batch_size=7)
    assert logits.dtype == torch.float64
    plain = network.module(train.images).numpy()
    chosen = plain[np.arange(len(train)), train.labels.numpy()]
    expected = (np.log(np.exp(plain).sum(axis=1)) - chosen).mean()
    assert cross_entropy(logits, train.labels) == pytest.approx(expected, rel=1e-12)


def test_logits_of_a_float32_network_are_doubles(make_network):
    network = make_network("convnet", torch.float32)
    logits = logits_of(network.module, network.train.images)
    assert logits.dtype == torch.float64
    assert torch.equal(logits.float(), network.module(network.train.images))


def test_diverged_networks_are_refused(make_chain):
    module = make_chain(3, 4, 2)
    nn.init.constant_(module.layer2.bias, math.inf)
    with pytest.raises(NotMeasurable, match="not all finite"):
        logits_of(module, torch.ones(2, 3))
    with pytest.raises(NotMeasurable, match="one output"):
        logits_of(make_chain(3, 4, 1), torch.ones(2, 3))
