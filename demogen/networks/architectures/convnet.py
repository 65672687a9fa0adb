"""Plain convolutional networks without pooling (Liao et al. 2018)."""

from collections import OrderedDict

import torch
from torch import nn

from demogen.errors import ZooError
from demogen.networks.architectures import initialization
from demogen.networks.architectures.hidden_taps import hidden_taps
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import ConvNet


def construct(spec: ConvNet, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """Convolutions, each with batch norm (if any) and ReLU, then a dense layer.

    A tap is the output of a convolution after batch norm, before ReLU; unit ablation acts on the
    feature maps after the last ReLU. "bias: first" gives a bias to the first layer only.

    Raises:
        ZooError: the images are too small for so many convolutions.
    """
    channels, size = shape[0], shape[1]
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    for index, width in enumerate(spec.channels, start=1):
        bias = spec.bias == "all" or (spec.bias == "first" and index == 1)
        conv = nn.Conv2d(channels, width, spec.kernel, spec.stride, spec.padding, bias=bias)
        layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        if spec.batch_norm:
            layers["norm"] = nn.BatchNorm2d(width)
        stages[f"layer{index}"] = nn.Sequential(layers)
        stages[f"relu{index}"] = nn.ReLU()
        channels = width
        size = (size + 2 * spec.padding - spec.kernel) // spec.stride + 1
        if size < 1:
            raise ZooError(f"images of {shape} are too small for {index} such convolutions: {spec}")
    last = nn.Linear(channels * size * size, classes, bias=spec.bias == "all")
    stages["classifier"] = nn.Sequential(OrderedDict(flatten=nn.Flatten(), dense=last))
    hidden = [f"layer{index}" for index in range(1, len(spec.channels) + 1)]
    return TappedModule(stages, hidden_taps(hidden), units=f"relu{len(spec.channels)}")


def initialize(module: TappedModule, generator: torch.Generator, spec: ConvNet) -> None:
    """PyTorch's default for kernels (what the authors' code used), zero biases."""
    del spec
    initialization.initialize(module, generator, initialization.fan_in_uniform)
