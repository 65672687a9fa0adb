"""Networks given as lists of layers (`demogen.schema.Layers`)."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

from demogen.networks.architectures import initialization
from demogen.networks.architectures.hidden_taps import hidden_taps
from demogen.networks.padded import FlattenByPosition, PaddedAvgPool2d, PaddedMaxPool2d, conv2d
from demogen.networks.tapped_module import TappedModule
from demogen.schema import layers as described
from demogen.schema.architectures import Layers
from demogen.schema.layers import Shape, hidden_places, pair, units_place

FLATTEN = "flatten"
"""Name of the stage before the first layer, of networks that take vectors."""

_FUNCTIONS: dict[str, Callable[[float | None], nn.Module]] = {
    "relu": lambda _: nn.ReLU(),
    "relu6": lambda _: nn.ReLU6(),
    "leaky_relu": lambda slope: nn.LeakyReLU(0.01 if slope is None else slope),
    "elu": lambda slope: nn.ELU(1.0 if slope is None else slope),
    "selu": lambda _: nn.SELU(),
    "gelu": lambda _: nn.GELU(),
    "gelu_tanh": lambda _: nn.GELU("tanh"),
    "silu": lambda _: nn.SiLU(),
    "sigmoid": lambda _: nn.Sigmoid(),
    "tanh": lambda _: nn.Tanh(),
    "hardtanh": lambda _: nn.Hardtanh(),
    "softplus": lambda _: nn.Softplus(),
    "softsign": lambda _: nn.Softsign(),
}
_GAIN_ONE = {"sigmoid", "tanh", "hardtanh", "softsign", "selu"}


def construct(spec: Layers, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """Each layer a stage by its name; taps and units where the description says, or by its rules.

    A network that takes vectors begins with a stage that flattens images. That images and classes
    are those that the layers are for, the spec has seen to.
    """
    del shape, classes
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    if isinstance(spec.input_shape, int):
        stages[FLATTEN] = nn.Flatten()
    for name, layer, before in zip(spec.names, spec.layers, spec.shapes, strict=False):
        stages[name] = _module(layer, before)
    names = spec.names
    if spec.taps is not None:
        taps = {tap: names[number] for tap, number in spec.taps.items()}
    else:
        hidden = [names[number] for number in hidden_places(spec.layers)]
        taps = hidden_taps(hidden) if hidden else {}
    units = units_place(spec.layers) if spec.units is None else spec.units
    return TappedModule(stages, taps, units=None if units is None else names[units])


def initialize(module: TappedModule, generator: torch.Generator, spec: Layers) -> None:
    """Normal kernels of variance 2 / fan in (He et al. 2015), zero biases.

    choice: variance 1 / fan in where all activations are bounded, or SELU.
    """
    functions = {x.function for x in spec.layers if isinstance(x, described.Activation)}
    gain = 1.0 if functions and functions <= _GAIN_ONE else 2.0
    initialization.initialize(module, generator, initialization.fan_in_normal(gain))


def _module(layer: described.AnyLayer, shape: Shape) -> nn.Module:
    """A layer for samples of this shape."""
    channels, image = shape[0], len(shape) == 3
    match layer:
        case described.Conv():
            return conv2d(
                channels,
                layer.out,
                pair(layer.kernel),
                stride=pair(layer.stride),
                sides=layer.sides(shape),
                dilation=pair(layer.dilation),
                groups=layer.groups,
                bias=layer.bias,
            )
        case described.Dense():
            return nn.Linear(channels, layer.out, bias=layer.bias)
        case described.BatchNorm():
            kind = nn.BatchNorm2d if image else nn.BatchNorm1d
            return kind(channels, layer.eps, layer.momentum, layer.affine)
        case described.GroupNorm():
            return nn.GroupNorm(layer.groups, channels, layer.eps, layer.affine)
        case described.Activation():
            return _FUNCTIONS[layer.function](layer.slope)
        case described.MaxPool() | described.AvgPool():
            return _pool(layer, shape)
        case described.GlobalPool():
            average = layer.kind == "global_avg_pool"
            pool = nn.AdaptiveAvgPool2d(1) if average else nn.AdaptiveMaxPool2d(1)
            return nn.Sequential(OrderedDict[str, nn.Module](pool=pool, flatten=nn.Flatten()))
        case described.Flatten():
            return FlattenByPosition() if image and layer.order == "hwc" else nn.Flatten()
        case described.Dropout():
            return (nn.Dropout2d if image and layer.channels else nn.Dropout)(layer.rate)


def _pool(layer: described.MaxPool | described.AvgPool, shape: Shape) -> nn.Module:
    kernel, stride, _, _ = layer.geometry()
    sides = layer.sides(shape)
    left, right, top, bottom = sides
    # torch pads both ends alike, and by half a window at most.
    plain = (left, top) == (right, bottom) and 2 * top <= kernel[0] and 2 * left <= kernel[1]
    if isinstance(layer, described.MaxPool):
        if plain:
            return nn.MaxPool2d(kernel, stride, (top, left))
        return PaddedMaxPool2d(kernel, stride, sides)
    if plain:
        return nn.AvgPool2d(kernel, stride, (top, left), count_include_pad=layer.count_padding)
    return PaddedAvgPool2d(kernel, stride, sides, layer.count_padding)
