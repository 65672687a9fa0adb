"""Lipschitz constants of pooling in the ℓ2 norm, exact for inputs of a given size."""

import copy
import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demogen.networks.padded import PaddedAvgPool2d, PaddedMaxPool2d
from demogen.networks.tapped_module import TappedModule


def log_lipschitz_constant(module: TappedModule, input_shape: tuple[int, ...]) -> float:
    """Log ∏ρ_i over the layers of a chain that have no weights; every one but pooling has ρ = 1.

    ReLU, flattening and dropout in evaluation mode change no distance by more than the factor 1,
    and some input by that.

    Raises:
        NotMeasurable: the network is no chain of layers.
    """
    layers = module.chain_layers(input_shape)
    return math.fsum(math.log(pooling_constant(x.module, x.input_shape)) for x in layers)


def pooling_constant(layer: nn.Module, input_shape: tuple[int, ...]) -> float:
    """The smallest ρ with ‖σ(x) − σ(x')‖₂ ≤ ρ ‖x − x'‖₂ for pooling σ; 1 for any other layer.

    Maximum: √(most windows that one position lies in). A window's maximum moves by no more than
    the largest change in it, so ‖σ(x) − σ(x')‖₂² ≤ Σ_windows Σ_positions |x − x'|²; and where a
    position that lies in that many windows is the largest of each, all of them move with it.
    Average: a linear map, whose constant is its largest singular value. Windows of both are
    products of those of rows and columns, and so are the constants.

    Args:
        layer: one layer of a chain.
        input_shape: of one sample, (c, h, w), where the layer is pooling.

    >>> pooling_constant(nn.MaxPool2d(3, 1, 1), (1, 8, 8))
    3.0
    >>> pooling_constant(nn.MaxPool2d(2), (1, 8, 8))
    1.0
    >>> round(pooling_constant(nn.AvgPool2d(2), (1, 8, 8)), 12)
    0.5
    """
    kind = type(layer)
    if kind not in _POOLS:
        return 1.0
    sides = [_along(layer, axis, size) for axis, size in enumerate(input_shape[-2:])]
    if kind in _MAXIMA:
        return math.sqrt(math.prod(int(side.sum(dim=0).max()) for side in sides))
    constant = math.prod(float(torch.linalg.matrix_norm(side, ord=2)) for side in sides)
    divisor = getattr(layer, "divisor_override", None)
    return constant / divisor if divisor else constant


_MAXIMA = (nn.MaxPool2d, nn.AdaptiveMaxPool2d, PaddedMaxPool2d)
_POOLS = (*_MAXIMA, nn.AvgPool2d, nn.AdaptiveAvgPool2d, PaddedAvgPool2d)


def _along(layer: nn.Module, axis: int, size: int) -> Tensor:
    """What pooling does along one axis: float64, (windows, positions).

    Of maxima: whether the position lies in the window. Of averages: its weight in the window.
    """
    # Every sample is zero but at one position of the axis; the other axis has length one.
    unit = torch.eye(size, dtype=torch.float64).reshape(size, 1, size, 1)
    unit = unit if axis == 0 else unit.transpose(2, 3)

    def on_axis(value: object, elsewhere: int) -> tuple[int, int]:
        pair = cast("tuple[int, int]", value if isinstance(value, tuple | list) else (value, value))
        return (pair[axis], elsewhere) if axis == 0 else (elsewhere, pair[axis])

    if isinstance(layer, nn.AdaptiveMaxPool2d | nn.AdaptiveAvgPool2d):
        length = on_axis(layer.output_size, 1)
        output = cast("tuple[int, int]", tuple(size if side is None else side for side in length))
        pool = (
            F.adaptive_max_pool2d
            if isinstance(layer, nn.AdaptiveMaxPool2d)
            else F.adaptive_avg_pool2d
        )
        return pool(unit, output).reshape(size, -1).T
    if isinstance(layer, PaddedMaxPool2d | PaddedAvgPool2d):
        left, right, top, bottom = layer.sides
        sides = (0, 0, top, bottom) if axis == 0 else (left, right, 0, 0)
        alone = copy.copy(layer)
        alone.kernel_size, alone.stride = on_axis(layer.kernel_size, 1), on_axis(layer.stride, 1)
        alone.sides = sides
        along: Tensor = alone(unit).reshape(size, -1).T
        return along
    kernel, padding = on_axis(layer.kernel_size, 1), on_axis(layer.padding, 0)
    stride = on_axis(layer.stride or layer.kernel_size, 1)
    if isinstance(layer, nn.MaxPool2d):
        dilation = on_axis(layer.dilation, 1)
        found = F.max_pool2d(unit, kernel, stride, padding, dilation, layer.ceil_mode)
    else:
        assert isinstance(layer, nn.AvgPool2d)
        # A given divisor holds for both axes together: first sums, divided in the end.
        divisor = 1 if layer.divisor_override else None
        found = F.avg_pool2d(
            unit, kernel, stride, padding, layer.ceil_mode, layer.count_include_pad, divisor
        )
    return found.reshape(size, -1).T
