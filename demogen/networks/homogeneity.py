"""Positively homogeneous networks: folding of batch norm, layer norms ρ, the normalized network f̃.

A chain of convolutions and dense layers with ReLU, pooling and (in evaluation mode) batch norm
obeys f(…, c·W_k, …) = c·f for c > 0, once each bias is scaled by the product of the factors of the
layers up to it. Dividing every W_k by its norm ρ_k and every b_k by ρ_1⋯ρ_k therefore gives
f̃ = f / ∏ρ_k exactly (Liao et al. 2018, section 3.2, Eq. 2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demogen.errors import NotMeasurable
from demogen.networks.architectures.mlp import HardSigmoid
from demogen.networks.padded import (
    FlattenByPosition,
    PaddedAvgPool2d,
    PaddedMaxPool2d,
    Sides,
    conv_sides,
)
from demogen.networks.tapped_module import DROPOUTS, TappedModule, WeightLayer, is_linear

if TYPE_CHECKING:
    from typing_extensions import TypeIs

# Each maps c·x to c·(its value at x) for c > 0 in evaluation mode, and has no weights. Here as
# below the types themselves are meant: a subclass may compute something else.
_HOMOGENEOUS = (
    nn.ReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    PaddedMaxPool2d,
    PaddedAvgPool2d,
    nn.ZeroPad2d,
    nn.Flatten,
    FlattenByPosition,
    nn.Identity,
    *DROPOUTS,
)
# Each maps number by number, and has no weights.
POINTWISE = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    HardSigmoid,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.Sigmoid,
    nn.SiLU,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
)
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d)

FOLDED = "chains (convolutions, dense layers, batch norm, pooling, activation functions)"
"""In words: the networks for which `why_not_folded` gives None."""

CHAINS = "ReLU chains (convolutions, dense layers, batch norm, pooling)"
"""In words: the networks for which `why_not_homogeneous` gives None."""


@dataclass(frozen=True)
class FoldedLayer:
    """Weights of x ↦ W x + b with any batch norm after it folded in, wherever it is applied.

    Attributes:
        weight: (out, in, k, k) or (out, in).
        bias: (out,), or None.
    """

    name: str
    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class AffineLayer:
    """A folded layer and how it is applied: W a convolution or a matrix.

    Attributes:
        weight: (out, in, k, k) or (out, in).
        bias: (out,), or None.
        input_shape: shape of one sample, (c, h, w) or (d,).
        convolution: stride, padding, dilation and groups; None for
            a dense layer.
    """

    name: str
    weight: Tensor
    bias: Tensor | None
    input_shape: tuple[int, ...]
    convolution: "Convolution | None"

    def linear_map(self, x: Tensor) -> Tensor:
        """W x without the bias, for x of shape (n, *input_shape)."""
        if self.convolution is None:
            return F.linear(x, self.weight)
        return self.convolution.apply(x, self.weight)


@dataclass(frozen=True)
class Convolution:
    """How a kernel is applied; zero padding only, of each side as `sides` says."""

    stride: tuple[int, ...]
    sides: Sides
    dilation: tuple[int, ...]
    groups: int

    def apply(self, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve x (n, c, h, w) with weight (out, c / groups, k, k)."""
        left, right, top, bottom = self.sides
        padding = (top, left)
        if padding != (bottom, right):
            x, padding = F.pad(x, self.sides), (0, 0)
        return F.conv2d(x, weight, None, self.stride, padding, self.dilation, self.groups)


def why_not_folded(module: TappedModule) -> str | None:
    """Why the network is no chain of layers whose batch norms can be folded in, or None if it is.

    Its activation functions may be any of `POINTWISE`.
    """
    return _why_no_chain(module, (*_HOMOGENEOUS, *POINTWISE), "is none of the layers known here")


def why_not_homogeneous(module: TappedModule) -> str | None:
    """Why the network is not known to be a positively homogeneous chain, or None if it is."""
    otherwise = "is not positively homogeneous, as far as is known"
    return _why_no_chain(module, _HOMOGENEOUS, otherwise)


def _why_no_chain(
    module: TappedModule, passing: tuple[type[nn.Module], ...], otherwise: str
) -> str | None:
    """Why not; of a layer that is neither linear nor batch norm nor `passing`, `otherwise`."""
    try:
        chain = module.chain()
    except NotMeasurable as reason:
        return str(reason)
    before: nn.Module | None = None
    weights = 0
    for name, layer in chain:
        if _is_batch_norm(layer):
            if before is None or not is_linear(before):
                return f"batch norm {name!r} does not follow a convolution or dense layer directly"
            if layer.running_mean is None or layer.running_var is None:
                return f"batch norm {name!r} keeps no running statistics"
        elif is_linear(layer):
            weights += 1
            if isinstance(layer, nn.Conv2d) and layer.padding_mode != "zeros":
                return f"{name!r} pads with {layer.padding_mode}, not zeros"
        elif type(layer) is nn.ZeroPad2d and min(layer.padding) < 0:
            return f"{name!r} cuts images off"
        elif type(layer) not in passing:
            return f"{name!r} ({type(layer).__name__}) {otherwise}"
        before = layer
    return None if weights else "it has no convolution or dense layer"


def folded_layers(module: TappedModule) -> list[FoldedLayer]:
    """The network's convolutions and dense layers in order, batch norm folded in; no pass is run.

    Batch norm is taken as it is in evaluation mode.

    Raises:
        NotMeasurable: the network is none that `why_not_folded` lets pass.
    """
    if reason := why_not_folded(module):
        raise NotMeasurable(reason)
    layers: dict[str, FoldedLayer] = {}
    before = ""
    for name, layer in module.chain():
        if is_linear(layer):
            bias = None if layer.bias is None else layer.bias.detach()
            layers[name] = FoldedLayer(name, layer.weight.detach(), bias)
        elif _is_batch_norm(layer):
            folded = layers[before]
            weight, bias = fold_batch_norm(folded.weight, folded.bias, layer)
            layers[before] = replace(folded, weight=weight, bias=bias)
        before = name
    return list(layers.values())


def fold_batch_norm(
    weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm1d | nn.BatchNorm2d
) -> tuple[Tensor, Tensor]:
    """Weights of one linear map for x ↦ norm(W x + b), the norm as in evaluation mode.

    Args:
        weight: W, (out, in, k, k) or (out, in).
        bias: b, (out,), or None for zeros.
        norm: of `out` channels, with running statistics.

    Returns:
        Weight and bias of the shapes above.

    Raises:
        NotMeasurable: the norm keeps no running statistics, so it is no linear map.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise NotMeasurable("batch norm without running statistics is no linear map")
    scale = (norm.running_var + norm.eps).rsqrt()
    shift = -norm.running_mean * scale
    if norm.affine:
        scale, shift = (
            scale * norm.weight.detach(),
            shift * norm.weight.detach() + norm.bias.detach(),
        )
    folded = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    return folded, shift if bias is None else bias * scale + shift


def affine_layers(module: TappedModule, input_shape: tuple[int, ...]) -> list[AffineLayer]:
    """The network's affine maps in order, as `folded_layers`, each with its input's shape.

    Zeros that a layer of their own puts around an image right before a convolution are part of it.

    Raises:
        NotMeasurable: as `folded_layers`.
    """
    folded, padded = folded_layers(module), _padded_before(module)
    layers = []
    for layer, where in zip(folded, module.weight_layers(input_shape), strict=True):
        shape, how = where.input_shape, _convolution(where)
        if how is not None:
            left, right, top, bottom = sides = padded[layer.name]
            shape = (shape[0], shape[1] - top - bottom, shape[2] - left - right)
            how = replace(how, sides=_added(how.sides, sides))
        layers.append(AffineLayer(layer.name, layer.weight, layer.bias, shape, how))
    return layers


def layer_norm(
    layer: FoldedLayer | AffineLayer, p: float = 2.0, *, with_bias: bool = False
) -> Tensor:
    """ρ: the entrywise ℓp norm of a layer's weights (p = 2: Frobenius), a float64 scalar.

    The first layer's norm includes its bias (Liao et al. 2018): `with_bias`. Where powers could
    vanish or overflow, they are taken relative to the largest entry.

    Raises:
        ValueError: p < 1.
    """
    if not p >= 1:
        raise ValueError(f"p = {p} makes no norm; it is at least 1")
    entries = layer.weight.flatten(1)
    if with_bias and layer.bias is not None:
        entries = torch.cat([entries, layer.bias[:, None]], dim=1)
    unit = torch.ones((), dtype=torch.float64, device=entries.device)
    # Fourth powers of single-precision numbers are doubles, the smallest and largest included.
    if entries.dtype == torch.float64 or p > 4:
        entries = entries.double()
        largest = torch.linalg.vector_norm(entries, ord=math.inf)
        unit = torch.where(largest > 0, largest, unit)
        entries = entries / unit
    # Unit by unit and then over units: one long sum would lose some four digits.
    norms = torch.linalg.vector_norm(entries, ord=p, dim=1, dtype=torch.float64)
    norm: Tensor = unit * torch.linalg.vector_norm(norms, ord=p)
    return norm


def log_norms(layers: Sequence[FoldedLayer | AffineLayer], p: float = 2.0) -> Tensor:
    """Log ρ_k of every layer, the first with its bias; float64, shape (layers,).

    Raises:
        NotMeasurable: a layer's weights are all zero, or not finite.
        ValueError: p < 1.
    """
    norms = torch.stack(
        [layer_norm(layer, p, with_bias=index == 0) for index, layer in enumerate(layers)]
    )
    for layer, norm in zip(layers, norms.tolist(), strict=True):
        if not 0 < norm < math.inf:
            fault = "all zero" if norm == 0 else "not finite"
            raise NotMeasurable(f"the weights of layer {layer.name!r} are {fault}")
    return norms.log()


def log_product_norm(module: TappedModule, p: float = 2.0, divisor: float = 1.0) -> float:
    """Log ∏ρ_k, what f is divided by to give f̃; a product of many norms would leave any range.

    Args:
        module: in evaluation mode; only its weights are read.
        p: of the entrywise ℓp norm of each layer, batch norm folded in, the first with its bias.
        divisor: each norm is divided by it.

    Raises:
        NotMeasurable: the network is not a positively homogeneous chain, or a layer's weights are
            all zero or not finite.
        ValueError: p < 1, or a divisor that is not positive.
    """
    if reason := why_not_homogeneous(module):
        raise NotMeasurable(reason)
    return math.fsum((log_norms(folded_layers(module), p) - math.log(divisor)).tolist())


def _padded_before(module: TappedModule) -> dict[str, Sides]:
    """Convolution → the zeros that layers of their own put around its images right before it."""
    padded: dict[str, Sides] = {}
    sides: Sides = (0, 0, 0, 0)
    for name, layer in module.chain():
        if type(layer) is nn.ZeroPad2d:
            sides = _added(sides, layer.padding)
            continue
        padded[name] = sides
        sides = (0, 0, 0, 0)
    return padded


def _added(one: Sides, other: Sequence[int]) -> Sides:
    left, right, top, bottom = (a + int(b) for a, b in zip(one, other, strict=True))
    return left, right, top, bottom


def _is_batch_norm(layer: nn.Module) -> "TypeIs[nn.BatchNorm1d | nn.BatchNorm2d]":
    return type(layer) in _BATCH_NORM


def _convolution(layer: WeightLayer) -> Convolution | None:
    module = layer.module
    if isinstance(module, nn.Linear):
        return None
    return Convolution(module.stride, conv_sides(module), module.dilation, module.groups)
