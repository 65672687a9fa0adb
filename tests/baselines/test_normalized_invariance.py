"""What leaves f̃ as it is, and networks for which there is no f̃."""

import math
from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from baselines.normalized_loss import NormalizedLoss, NormalizedLossOutput
from baselines.normalized_output import NormalizedOutputMargin
from baselines.product_norm import ProductNorm
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule

LAYERS = ("conv1", "conv2", "dense1", "dense2")
FACTORS = st.floats(min_value=1e-3, max_value=1e3)
QUICK = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def chain():
    """Biases everywhere, batch norm after the first convolution, running statistics of its own."""
    generator = torch.Generator().manual_seed(4)
    stages = OrderedDict(
        conv1=nn.Conv2d(2, 4, 3, padding=1),
        norm=nn.BatchNorm2d(4),
        relu1=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        conv2=nn.Conv2d(4, 5, 3),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        dense1=nn.Linear(5, 6),
        relu3=nn.ReLU(),
        dense2=nn.Linear(6, 3),
    )
    module = TappedModule(stages, {"h1": "norm"}).double().eval().requires_grad_(False)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.normal_(0, 0.7, generator=generator)
        if name == "norm.running_var":
            tensor.abs_()
    return module


def signature(module):
    generator = torch.Generator().manual_seed(8)
    images = torch.randn(40, 2, 6, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (40,), generator=generator)
    network = Network.of(module, images, labels, batch_size=16)
    found = {}
    for measure in (
        NormalizedLoss(scale=100.0),
        NormalizedLoss(p=1.0, scale=1e4),
        NormalizedLossOutput(),
        ProductNorm(),
        ProductNorm(p=math.inf),
        NormalizedOutputMargin(),
    ):
        for feature, value in measure.compute(network.view(measure.access)).items():
            found[f"{measure!r}.{feature}"] = value
    return found


def scale_layer(module, name, weight, bias):
    # Of a layer with batch norm after it, the folded weights and bias.
    layer = module.norm if name == "conv1" else module.get_submodule(name)
    layer.weight.mul_(weight)
    layer.bias.mul_(bias)


PLAIN = signature(chain())


def test_the_signatures_say_something():
    assert all(abs(value) > 1e-6 for value in PLAIN.values())
    losses = [value for name, value in PLAIN.items() if "normalized_loss" in name]
    assert all(abs(loss - math.log(3)) > 1e-3 for loss in losses)


@QUICK
@given(factor=FACTORS, position=st.integers(0, 2))
def test_what_one_layer_gains_the_next_may_lose(factor, position):
    module = chain()
    scale_layer(module, LAYERS[position], factor, factor)
    scale_layer(module, LAYERS[position + 1], 1 / factor, 1)
    assert signature(module) == pytest.approx(PLAIN, rel=1e-9, abs=0)


@QUICK
@given(factors=st.tuples(FACTORS, FACTORS, FACTORS, FACTORS))
def test_only_the_product_norm_sees_the_scale_of_layers(factors):
    module, product = chain(), 1.0
    for name, factor in zip(LAYERS, factors, strict=True):
        product *= factor
        scale_layer(module, name, factor, product)
    found = signature(module)
    for name, value in PLAIN.items():
        if "log_product_norm" in name:
            value = value + math.log(product)
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_a_bias_that_stays_behind_is_seen():
    module = chain()
    scale_layer(module, "conv2", 3.0, 1.0)
    scale_layer(module, "dense1", 1 / 3, 1.0)
    found = signature(module)
    kept = {name for name in PLAIN if found[name] == pytest.approx(PLAIN[name], rel=1e-9)}
    assert kept == {name for name in PLAIN if "log_product_norm" in name}


def test_the_order_of_hidden_units_does_not_matter():
    module = chain()
    for layer, after, order in (
        (module.conv1, module.conv2, [2, 0, 3, 1]),
        (module.conv2, module.dense1, [4, 2, 0, 1, 3]),
        (module.dense1, module.dense2, [5, 3, 1, 0, 2, 4]),
    ):
        moved = [layer, module.norm] if layer is module.conv1 else [layer]
        for part in moved:
            for name, tensor in part.state_dict().items():
                if tensor.ndim:
                    part.state_dict()[name].copy_(tensor[order].clone())
        after.weight.copy_(after.weight[:, order].clone())
    assert not torch.equal(module.conv1.weight, chain().conv1.weight)
    assert signature(module) == pytest.approx(PLAIN, rel=1e-10, abs=0)


class Shortcut(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(6, 6)

    def forward(self, x):
        return x + self.inner(x).relu()


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (nn.Tanh(), "'middle' (Tanh) is not positively homogeneous"),
        (nn.ReLU6(), "'middle' (ReLU6) is not positively homogeneous"),
        (nn.GroupNorm(2, 6), "'middle' (GroupNorm) is not positively homogeneous"),
        (Shortcut(), "stage 'middle' is a Shortcut"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_networks_without_a_product_of_norms(stage, reason):
    stages = OrderedDict(first=nn.Linear(4, 6), middle=stage, last=nn.Linear(6, 3))
    module = TappedModule(stages, {})
    for measure in (NormalizedLoss(), ProductNorm(), NormalizedOutputMargin()):
        assert (measure.applicable(module) or "").startswith(reason)
    assert NormalizedLossOutput().applicable(module) is None
