"""VGG16 (Simonyan and Zisserman 2015, configuration D), as Zhao et al. 2021 train it."""

from collections import OrderedDict

import torch
from torch import nn

from demogen.networks.architectures import initialization
from demogen.networks.architectures.hidden_taps import hidden_taps
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import VGG

_CONVOLUTIONS = (2, 2, 3, 3, 3)
_WIDTHS = (1, 2, 4, 8, 8)


def construct(spec: VGG, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """Thirteen 3x3 convolutions in five blocks with a max pool each, and three dense layers.

    Every layer has a bias; batch norm (if any) follows each convolution. Pools round sizes up, so
    that images of any size pass all five. Dropout acts after the ReLU of both hidden dense layers,
    or of the first alone.

    Of the 15 hidden weight layers, the taps h1 to h3 are the 5th, 10th and 15th (block3_conv1,
    block4_conv3, dense2) after batch norm, before ReLU; unit ablation acts on the feature maps of
    block5_conv3 after its ReLU, before its pool (Zhao et al. 2021, appendix D).
    """
    channels, height, width = shape
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    hidden = []
    for block, (count, factor) in enumerate(zip(_CONVOLUTIONS, _WIDTHS, strict=True), start=1):
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            stages[name] = _convolution(channels, spec.width * factor, spec.batch_norm)
            stages[f"block{block}_relu{index}"] = nn.ReLU()
            hidden.append(name)
            channels = spec.width * factor
        stages[f"block{block}_pool"] = nn.MaxPool2d(2, ceil_mode=True)
        height, width = (height + 1) // 2, (width + 1) // 2
    stages["flatten"] = nn.Flatten()
    features = channels * height * width
    for index in (1, 2):
        stages[f"dense{index}"] = nn.Linear(features, spec.dense)
        stages[f"dense{index}_relu"] = nn.ReLU()
        if spec.dropout and (index == 1 or spec.dropout_layers == "all"):
            stages[f"dense{index}_dropout"] = nn.Dropout(spec.dropout)
        hidden.append(f"dense{index}")
        features = spec.dense
    stages["classifier"] = nn.Linear(features, classes)
    return TappedModule(stages, hidden_taps(hidden), units="block5_relu3")


def initialize(module: TappedModule, generator: torch.Generator, spec: VGG) -> None:
    """Normal kernels of variance 2 / fan in (He et al. 2015), zero biases.

    choice: the paper names no scheme. torchvision divides by fan out in convolutions, and draws
    dense layers with standard deviation 0.01.
    """
    del spec
    initialization.initialize(module, generator, initialization.fan_in_normal(2.0))


def _convolution(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    layers = OrderedDict[str, nn.Module](conv=nn.Conv2d(inputs, outputs, 3, padding=1))
    if batch_norm:
        layers["norm"] = nn.BatchNorm2d(outputs)
    return nn.Sequential(layers)
