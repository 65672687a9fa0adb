"""MobileNet v1 (Howard et al. 2017, Table 1), as Zhao et al. 2021 train it on small images."""

from collections import OrderedDict

import torch
from torch import nn

from demogen.networks.architectures import initialization
from demogen.networks.architectures.hidden_taps import hidden_taps
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import MobileNet

_WIDTHS = (2, 4, 4, 8, 8, 16, 16, 16, 16, 16, 16, 32, 32)
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


def construct(spec: MobileNet, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """A 3x3 convolution, 13 depthwise and pointwise convolutions in turn, and a dense layer.

    Each convolution goes without bias and is followed by batch norm, with torch's defaults, and
    ReLU. choice: for 32x32 images the stem has stride 1 and the other strides are those of Table 1,
    of which the last depthwise one is read as 1, so that 2x2 positions are averaged in the end.

    Of the 27 hidden weight layers, the taps h1 to h3 are the 9th, 18th and 27th (pointwise4,
    depthwise9, pointwise13) after batch norm, before ReLU; unit ablation acts after the last ReLU.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    hidden: list[str] = []

    def append(name: str, conv: nn.Conv2d) -> None:
        layers = OrderedDict[str, nn.Module](conv=conv, norm=nn.BatchNorm2d(conv.out_channels))
        stages[name] = nn.Sequential(layers)
        stages[f"{name}_relu"] = nn.ReLU()
        hidden.append(name)

    inputs = spec.width
    append("stem", nn.Conv2d(shape[0], inputs, 3, padding=1, bias=False))
    for block, (factor, stride) in enumerate(zip(_WIDTHS, _STRIDES, strict=True), start=1):
        outputs = spec.width * factor
        depthwise = nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False)
        append(f"depthwise{block}", depthwise)
        append(f"pointwise{block}", nn.Conv2d(inputs, outputs, 1, bias=False))
        inputs = outputs
    last = OrderedDict[str, nn.Module](
        pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), dense=nn.Linear(inputs, classes)
    )
    stages["classifier"] = nn.Sequential(last)
    return TappedModule(stages, hidden_taps(hidden), units=f"{hidden[-1]}_relu")


def initialize(module: TappedModule, generator: torch.Generator, spec: MobileNet) -> None:
    """Normal kernels of variance 2 / fan in (He et al. 2015), zero biases.

    choice: neither paper names a scheme. The fan in of a depthwise kernel is 9: each output reads
    one channel.
    """
    del spec
    initialization.initialize(module, generator, initialization.fan_in_normal(2.0))
