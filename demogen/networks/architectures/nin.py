"""Network in network (Jiang et al. 2019, Table 2)."""

import math
from collections import OrderedDict

import torch
from torch import nn

from demogen.networks.architectures import initialization
from demogen.networks.padded import conv2d
from demogen.networks.tapped_module import TappedModule
from demogen.schema.layers import Conv
from demogen.schema.records import NiN

# TensorFlow's momentum is the share of the old value that is kept, torch's that of the new one.
_BATCH_NORM = {"momentum": 0.01, "eps": 1e-3}


def construct(spec: NiN, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """Three blocks of [3x3 stride 2, 1x1, 1x1] and a convolution that covers what is left.

    Each convolution is followed by batch norm (if any) and ReLU; dropout ends blocks 1 and 2. The
    taps h1 to h3 are the outputs of the last convolution of each block after batch norm, before
    ReLU; unit ablation acts after the ReLU that follows h3. With 32x32 images the last
    convolution is 4x4, as in the paper. "Same" padding is 1 on every side (TensorFlow pads even
    sizes at the far side only; sizes and parameters are the same), or as TensorFlow has it, and
    dropout is the share that is dropped, at the ends of blocks 1 and 2, unless the spec says
    otherwise. The released code drops after block 3 too, once its ReLU is applied.
    """
    channels, size = shape[0], shape[1]
    rate = 1 - spec.dropout if spec.dropout_is == "kept" and spec.dropout else spec.dropout
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    for block in (1, 2, 3):
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if block > 1:
            layers["relu0"] = nn.ReLU()
            layers["dropout"] = nn.Dropout(rate) if rate else nn.Identity()
        for index in (1, 2, 3):
            if index == 1:
                layers["conv1"] = _halving(channels, spec.width, size, spec.same_padding)
            else:
                layers[f"conv{index}"] = nn.Conv2d(channels, spec.width, 1)
            channels = spec.width
            if spec.batch_norm:
                layers[f"norm{index}"] = nn.BatchNorm2d(spec.width, **_BATCH_NORM)  # type: ignore[arg-type]
            if index < 3:
                layers[f"relu{index}"] = nn.ReLU()
        stages[f"block{block}"] = nn.Sequential(layers)
        size = math.ceil(size / 2)
    stages["relu"] = nn.ReLU()
    if rate and spec.dropout_after == "all":
        stages["dropout"] = nn.Dropout(rate)
    last = OrderedDict(conv=nn.Conv2d(channels, classes, size), flatten=nn.Flatten())
    stages["classifier"] = nn.Sequential(last)
    taps = {"h1": "block1", "h2": "block2", "h3": "block3"}
    return TappedModule(stages, taps, units="relu")


def _halving(inputs: int, outputs: int, size: int, same: str) -> nn.Conv2d:
    """A 3x3 convolution of stride 2 on images of size x size, with "same" padding."""
    if same == "symmetric":
        return nn.Conv2d(inputs, outputs, 3, 2, 1)
    layer = Conv(kind="conv", out=outputs, kernel=3, stride=2, padding="same")
    sides = layer.sides((inputs, size, size))
    return conv2d(inputs, outputs, (3, 3), stride=(2, 2), sides=sides)


def initialize(module: TappedModule, generator: torch.Generator, spec: NiN) -> None:
    """Glorot-uniform weights, zero biases."""
    del spec
    initialization.initialize(module, generator, initialization.glorot_uniform)
