"""Residual networks (He et al. 2016), as Jiang et al. 2019 and Zhao et al. 2021 train them."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from demogen.networks.architectures import initialization
from demogen.networks.architectures.hidden_taps import hidden_taps
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import ResNet

Norm = Callable[[int], nn.Module]

_MOST_GROUPS = 32
_BLOCKS_OF_34 = (3, 4, 6, 3)


@final
class PreActivationBlock(nn.Module):
    """Norm and ReLU come before each convolution; the shortcut is added last.

    The shortcut is the input itself, or a projection of the input after the first norm and ReLU
    (He et al. 2016, "Identity mappings", Fig. 1b).
    """

    def __init__(
        self,
        norm1: nn.Module,
        conv1: nn.Conv2d,
        norm2: nn.Module,
        conv2: nn.Conv2d,
        shortcut: nn.Conv2d | None,
    ) -> None:
        super().__init__()
        self.norm1 = norm1
        self.conv1 = conv1
        self.norm2 = norm2
        self.conv2 = conv2
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """From (n, inputs, h, w) to (n, outputs, h / stride, w / stride), rounded up."""
        activated = self.norm1(x).relu()
        kept = x if self.shortcut is None else self.shortcut(activated)
        output: Tensor = kept + self.conv2(self.norm2(self.conv1(activated)).relu())
        return output


@final
class BasicBlock(nn.Module):
    """Two convolutions, each with a norm, beside a shortcut; their sum, before its ReLU."""

    def __init__(self, main: nn.Sequential, shortcut: nn.Module) -> None:
        super().__init__()
        self.main = main
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """From (n, inputs, h, w) to (n, outputs, h / stride, w / stride), rounded up."""
        output: Tensor = self.main(x) + self.shortcut(x)
        return output


def construct(spec: ResNet, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """Depth 34: torchvision's with a small stem; any other: the pre-activation network."""
    if spec.depth == 34:
        return _post_activation(spec.width, shape, classes)
    norm = partial(_batch_norm if spec.norm == "batch" else _group_norm, eps=spec.norm_eps)
    return _pre_activation((spec.depth - 2) // 6, spec.width, norm, shape, classes)


def initialize(module: TappedModule, generator: torch.Generator, spec: ResNet) -> None:
    """Normal kernels, zero biases: variance 1 / fan in, and 2 / fan in for depth 34.

    choice: the "fan-in variance scaling" of the pre-activation network is read as TensorFlow's
    default scale of 1, with a normal distribution that is not truncated, and used for its dense
    layer too, unless that starts Glorot-uniform (as in the released code, which takes TensorFlow's
    default there). choice: depth 34 starts as He et al. 2015 have it; torchvision divides by fan
    out, and draws its dense layer uniformly.
    """
    gain = 2.0 if any(isinstance(layer, BasicBlock) for layer in module.modules()) else 1.0
    normal = initialization.fan_in_normal(gain)

    def fill(weight: Tensor, generator: torch.Generator) -> None:
        is_glorot = weight.ndim == 2 and spec.dense_start == "glorot"
        (initialization.glorot_uniform if is_glorot else normal)(weight, generator)

    initialization.initialize(module, generator, fill)


def _pre_activation(
    blocks: int, width: int, norm: Norm, shape: tuple[int, int, int], classes: int
) -> TappedModule:
    """Three stages of blocks of `width` channels, twice and four times as many (Jiang et al. 2019).

    Strides 1, 2, 2; the first block of every stage has a 1x1 projection, and convolutions have no
    biases. The taps h1 to h3 are the outputs of the three stages, after the addition, before the
    next norm; unit ablation acts after the final norm and ReLU.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict(stem=_conv(shape[0], width, 3, 1))
    inputs = width
    for stage in (1, 2, 3):
        outputs = width * 2 ** (stage - 1)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stage > 1 else 1
            layers[f"block{block}"] = PreActivationBlock(
                norm(inputs),
                _conv(inputs, outputs, 3, stride),
                norm(outputs),
                _conv(outputs, outputs, 3, 1),
                _conv(inputs, outputs, 1, stride) if block == 1 else None,
            )
            inputs = outputs
        stages[f"stage{stage}"] = nn.Sequential(layers)
    stages["end"] = nn.Sequential(OrderedDict(norm=norm(inputs), relu=nn.ReLU()))
    stages["classifier"] = _classifier(inputs, classes)
    taps = {"h1": "stage1", "h2": "stage2", "h3": "stage3"}
    return TappedModule(stages, taps, units="end")


def _post_activation(width: int, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """ResNet-34 as torchvision's, with a 3x3 stem of stride 1 and no max pool (Zhao et al. 2021).

    Blocks 1 to 16 in stages of 3, 4, 6 and 3, with 1, 2, 4 and 8 times `width` channels and strides
    1, 2, 2, 2; batch norm with torch's defaults. choice: of the 33 hidden weight layers on the main
    path, the stem first, layers 11, 22 and 33 lie in blocks 5, 11 and 16; the taps h1 to h3 are the
    sums that these blocks end with, before their ReLU. Unit ablation acts after the last ReLU.
    """
    stem = OrderedDict[str, nn.Module](
        conv=_conv(shape[0], width, 3, 1), norm=nn.BatchNorm2d(width), relu=nn.ReLU()
    )
    stages: OrderedDict[str, nn.Module] = OrderedDict(stem=nn.Sequential(stem))
    hidden = ["stem"]
    inputs, number = width, 0
    for stage, blocks in enumerate(_BLOCKS_OF_34):
        outputs = width * 2**stage
        for block in range(blocks):
            number += 1
            stride = 2 if block == 0 and stage > 0 else 1
            stages[f"block{number}"] = _basic_block(inputs, outputs, stride)
            stages[f"relu{number}"] = nn.ReLU()
            hidden += [f"block{number}"] * 2
            inputs = outputs
    stages["classifier"] = _classifier(inputs, classes)
    return TappedModule(stages, hidden_taps(hidden), units=f"relu{number}")


def _basic_block(inputs: int, outputs: int, stride: int) -> BasicBlock:
    main = OrderedDict[str, nn.Module](
        conv1=_conv(inputs, outputs, 3, stride),
        norm1=nn.BatchNorm2d(outputs),
        relu=nn.ReLU(),
        conv2=_conv(outputs, outputs, 3, 1),
        norm2=nn.BatchNorm2d(outputs),
    )
    if stride == 1 and inputs == outputs:
        return BasicBlock(nn.Sequential(main), nn.Identity())
    projection = OrderedDict[str, nn.Module](
        conv=_conv(inputs, outputs, 1, stride), norm=nn.BatchNorm2d(outputs)
    )
    return BasicBlock(nn.Sequential(main), nn.Sequential(projection))


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


def _batch_norm(channels: int, eps: float | None) -> nn.Module:
    # TensorFlow's momentum, 0.997, is the share of the old value that is kept.
    return nn.BatchNorm2d(channels, eps=1e-5 if eps is None else eps, momentum=0.003)


def _group_norm(channels: int, eps: float | None) -> nn.Module:
    """The most groups up to 32 that divide the channels: min(32, channels) for widths of 16·w."""
    most = min(_MOST_GROUPS, channels)
    groups = max(count for count in range(1, most + 1) if channels % count == 0)
    return nn.GroupNorm(groups, channels, eps=1e-6 if eps is None else eps)


def _classifier(inputs: int, classes: int) -> nn.Sequential:
    layers = OrderedDict[str, nn.Module](
        pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), dense=nn.Linear(inputs, classes)
    )
    return nn.Sequential(layers)
