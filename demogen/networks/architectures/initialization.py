"""Initial weights, every number from a given generator."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

Fill = Callable[[Tensor, torch.Generator], None]


def initialize(module: nn.Module, generator: torch.Generator, fill: Fill) -> None:
    """Fill kernels in the order of the modules; biases become 0, norms the identity."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fill(layer.weight, generator)
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm):
            layer.reset_parameters()


def scale_kernels(module: nn.Module, factor: float) -> None:
    """Multiply the weights of every convolution and dense layer."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.mul_(factor)


def glorot_uniform(weight: Tensor, generator: torch.Generator) -> None:
    """Uniform with variance 2 / (fan in + fan out) (Glorot and Bengio 2010)."""
    nn.init.xavier_uniform_(weight, generator=generator)


def normal(std: float) -> Fill:
    """Normal with a given standard deviation, whatever the layer."""

    def fill(weight: Tensor, generator: torch.Generator) -> None:
        weight.normal_(0.0, std, generator=generator)

    return fill


def fan_in_normal(gain: float) -> Fill:
    """Normal with variance gain / fan in."""

    def fill(weight: Tensor, generator: torch.Generator) -> None:
        weight.normal_(0.0, math.sqrt(gain / weight[0].numel()), generator=generator)

    return fill


def fan_in_uniform(weight: Tensor, generator: torch.Generator) -> None:
    """Uniform within ±1/√(fan in), PyTorch's own default for convolutions and dense layers."""
    bound = 1 / math.sqrt(weight[0].numel())
    weight.uniform_(-bound, bound, generator=generator)
