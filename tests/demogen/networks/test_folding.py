from collections import OrderedDict

import pytest
import torch
from torch import nn

from demogen.errors import NotMeasurable
from demogen.networks.folding import folded_copy
from demogen.networks.homogeneity import POINTWISE, why_not_homogeneous
from demogen.networks.tapped_module import TappedModule
from tests.baselines.conftest import shared_network


def norms_of(module):
    return [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]


@pytest.mark.parametrize("name", ["nin-bn", "convnet-bn", "nin-released", "layers", "vgg-bn"])
def test_a_folded_copy_is_the_same_function_without_norms(name):
    network = shared_network(name)
    before = {key: value.clone() for key, value in network.module.state_dict().items()}
    copy, images = folded_copy(network.module), network.train.images
    assert norms_of(network.module)
    assert not norms_of(copy)
    assert torch.allclose(copy(images), network.module(images), rtol=1e-10, atol=1e-12)
    for parameter in copy.parameters():
        assert not parameter.requires_grad
        parameter.zero_()
    for key, value in network.module.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("activation", POINTWISE, ids=lambda kind: kind.__name__)
def test_batch_norm_is_folded_whatever_activation_follows(activation):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), activation(), nn.Flatten(), nn.Linear(16, 3)
    stages = OrderedDict((str(number), layer) for number, layer in enumerate(layers))
    x = torch.randn(50, 1, 4, 4)
    TappedModule(stages, {})(x)
    module = TappedModule(stages, {}).eval().double()
    copy = folded_copy(module)
    assert not norms_of(copy)
    assert torch.allclose(copy(x.double()), module(x.double()), rtol=1e-12)
    assert (why_not_homogeneous(module) is None) == (activation is nn.ReLU)


def test_norms_that_are_kept_only_divide_by_their_eps():
    module = shared_network("convnet-bn").module
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    exact = module(x)
    kept = folded_copy(module, keep_norms=True)
    assert len(norms_of(kept)) == len(norms_of(module)) > 0
    assert not torch.allclose(kept(x), exact, rtol=1e-7)
    for norm in norms_of(kept):
        norm.eps = 0.0
    assert torch.allclose(kept(x), exact, rtol=1e-10)


def test_what_is_no_chain_is_refused():
    with pytest.raises(NotMeasurable):
        folded_copy(shared_network("own-residual").module)
