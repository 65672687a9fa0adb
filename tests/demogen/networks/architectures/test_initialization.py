"""Initial weights of every family: whence they come and how they are spread."""

import math

import pytest
import torch
from torch import nn

from demogen.networks.architectures import build
from demogen.schema.records import VGG, MobileNet, ResNet
from tests.demogen.networks.architectures.specs import SMALL, spec_of

KERNELS = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm2d, nn.GroupNorm)


def layers_of(module, kinds):
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, kinds)}


def assert_normal(weight, variance):
    """Sample mean and variance of n normal numbers within five standard errors."""
    n = weight.numel()
    assert abs(weight.mean().item()) < 5 * math.sqrt(variance / n)
    assert weight.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / n))
    # Of a thousand normal numbers some lie beyond 2.5 standard deviations, which no uniform has.
    assert n > 1000
    assert weight.abs().max() > 2.5 * math.sqrt(variance)


def assert_identity(module):
    for layer in layers_of(module, KERNELS).values():
        assert layer.bias is None or not layer.bias.any()
    for layer in layers_of(module, NORMS).values():
        assert (layer.weight == 1).all()
        assert not layer.bias.any()
        if isinstance(layer, nn.BatchNorm2d):
            assert not layer.running_mean.any()
            assert (layer.running_var == 1).all()
            assert layer.num_batches_tracked == 0


@pytest.mark.parametrize("training", [{}, {"initial_std": 0.02}, {"initial_scale": 3.0}])
@pytest.mark.parametrize("name", SMALL)
def test_they_depend_on_the_seed_alone(name, training):
    first = build(spec_of(SMALL[name], "digits", seed=1, **training)).state_dict()
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = build(spec_of(SMALL[name], "digits", seed=1, **training)).state_dict()
    other = build(spec_of(SMALL[name], "digits", seed=2, **training))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    for key, layer in layers_of(other, KERNELS).items():
        assert (first[f"{key}.weight"] != layer.weight).any()
    assert_identity(other)


@pytest.mark.parametrize(
    ("architecture", "gain"),
    [
        (ResNet(family="resnet", depth=8, width=64), 1),
        (ResNet(family="resnet", depth=8, width=64, norm="group"), 1),
        (ResNet(family="resnet", depth=34, width=16), 2),
        (VGG(family="vgg", width=16, dense=256), 2),
        (MobileNet(family="mobilenet", width=32), 2),
    ],
    ids=["resnet-bn", "resnet-gn", "resnet34", "vgg", "mobilenet"],
)
def test_variance_is_the_gain_over_fan_in(architecture, gain):
    module = build(spec_of(architecture, "cifar100"))
    tried = 0
    for layer in layers_of(module, KERNELS).values():
        if layer.weight.numel() > 1000:
            inputs = layer.weight.shape[1:].numel()
            assert_normal(layer.weight, gain / inputs)
            tried += 1
    assert tried >= 7


def test_a_depthwise_kernel_has_nine_inputs():
    module = build(spec_of(MobileNet(family="mobilenet"), "cifar100"))
    assert_normal(module.get_submodule("depthwise9.conv").weight, 2 / 9)


@pytest.mark.parametrize("name", SMALL)
def test_a_given_standard_deviation_is_that_of_all_kernels(name):
    module = build(spec_of(SMALL[name], initial_std=0.05))
    numbers = [layer.weight.flatten() for layer in layers_of(module, KERNELS).values()]
    assert_normal(torch.cat(numbers), 0.05**2)
    for weight in numbers:
        # Each kernel alone: six standard deviations bound the largest of so few numbers.
        assert 0 < weight.abs().max() < 6 * 0.05
        assert weight.std() > 0.01
    assert_identity(module)


@pytest.mark.parametrize("name", SMALL)
def test_all_kernels_and_nothing_else_are_scaled(name):
    plain = build(spec_of(SMALL[name], "digits")).state_dict()
    scaled = build(spec_of(SMALL[name], "digits", initial_scale=8.0))
    kernels = {f"{key}.weight" for key in layers_of(scaled, KERNELS)}
    for key, tensor in scaled.state_dict().items():
        # Eight is a power of two: the product is exact.
        assert torch.equal(tensor, plain[key] * (8 if key in kernels else 1)), key
