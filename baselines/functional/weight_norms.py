"""Norms of a network's layers, and measures made of them (Jiang et al. 2020, appendix C).

Everything is squared and most of it is a logarithm, as in the code of Dziugaite et al. 2020
(nitarshan/robust-generalization-measures, data/generation/measures.py at 8e90129): a product of
squared norms leaves the range of a double.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from baselines.functional.spectra import spectral_norm
from demogen.errors import NotMeasurable
from demogen.networks.folding import folded_copy
from demogen.networks.homogeneity import POINTWISE, AffineLayer, affine_layers, layer_norm
from demogen.networks.tapped_module import TappedModule

VARIANTS = ("paper", "released", "released-fft")
"""Of what a spectral norm is: see `spectral_norms`."""


def spectral_norms(
    layers: Sequence[AffineLayer], variant: str, image_shape: tuple[int, ...]
) -> list[float]:
    """‖W‖₂ of each layer.

    Args:
        layers: batch norm folded in.
        variant: "paper": of the linear map that the layer is, with its stride, padding and input
            size. "released": of the kernel as a matrix (out, in·h·w). "released-fft": by Fourier
            transform, which is exact for a circular convolution of stride 1 on images of the given
            size; every layer counts as if its input were as large as the network's.
        image_shape: of the network's input, (c, h, w) or (d,).

    Raises:
        NotMeasurable: a weight is not finite, or the iteration for a large map does not converge.
    """
    check_finite(layers)
    if variant == "paper":
        return [spectral_norm(layer) for layer in layers]
    if variant == "released":
        matrices = [layer.weight.double().flatten(1) for layer in layers]
        return [float(torch.linalg.matrix_norm(matrix, ord=2)) for matrix in matrices]
    return [_norm_by_fourier_transform(layer.weight, image_shape) for layer in layers]


def frobenius_norms(layers: Sequence[AffineLayer]) -> list[float]:
    """‖W‖_F of each layer's kernel or matrix: a weight counts once, however often it is applied.

    Raises:
        NotMeasurable: a weight is not finite.
    """
    check_finite(layers)
    return [float(layer_norm(layer)) for layer in layers]


def moved(layers: Sequence[AffineLayer], initial: Sequence[AffineLayer]) -> list[AffineLayer]:
    """Layers with the weights W − W⁰, in float64; a network's and those that it started from."""
    return [
        replace(layer, weight=layer.weight.double() - first.weight.to(layer.weight.device).double())
        for layer, first in zip(layers, initial, strict=True)
    ]


def sum_of_squares(norms: Sequence[float]) -> float:
    """Σ n², infinite where a double does not hold it: `**` would raise an OverflowError there."""
    return sum(norm * norm for norm in norms)


def log_squares(norms: Sequence[float], layers: Sequence[AffineLayer]) -> Tensor:
    """Logs of the squares of norms of weights, float64, shape (layers,).

    Raises:
        NotMeasurable: a norm is zero.
    """
    for norm, layer in zip(norms, layers, strict=True):
        if norm == 0:
            raise NotMeasurable(f"the weights of layer {layer.name!r} are all zero")
    return 2 * torch.tensor(norms, dtype=torch.float64).log()


def log_sum(log_product: float, count: int) -> float:
    """Log of d·P^(1/d), a "sum" of d norms as that of d equal ones whose product is P.

    >>> round(math.exp(log_sum(math.log(8.0), 3)), 6)
    6.0
    """
    return math.log(count) + log_product / count


def log_sum_of_ratios(numerators: Sequence[float], log_denominators: Tensor) -> float:
    """Log Σ nᵢ² / dᵢ² from n and ln d².

    Raises:
        NotMeasurable: all numerators are zero.
    """
    ratios = 2 * torch.tensor(numerators, dtype=torch.float64).log() - log_denominators
    total = float(ratios.logsumexp(dim=0))
    if total == -math.inf:
        raise NotMeasurable("no layer has moved from its initial weights")
    return total


def path_norm(module: TappedModule, image_shape: tuple[int, ...], variant: str) -> float:
    """Sum of the logits for an input of ones, every weight and bias squared; in float64.

    On a chain without biases, pooling and positions that is the sum over all paths from an input to
    a logit of the product of the squared weights along it. choice: activation functions are left
    out. ReLU changes nothing, as no number is negative, and paths do not depend on the function.

    Args:
        module: a chain that `why_not_folded` lets pass. Batch norm is folded in before squares are
            taken.
        image_shape: (c, h, w) or (d,).
        variant: one of `VARIANTS`; the released ones leave a batch norm that does nothing but
            divide by √(1 + eps).

    Raises:
        NotMeasurable: as `folded_layers`, or a weight is not finite.
    """
    check_finite(affine_layers(module, image_shape))
    squared = folded_copy(module, keep_norms=variant != "paper").double()
    for parameter in squared.parameters():
        parameter.data.square_()
    for name, layer in squared.chain():
        if type(layer) in POINTWISE:
            parent, _, key = name.rpartition(".")
            setattr(squared.get_submodule(parent), key, nn.Identity())
    like = next(squared.parameters())
    with torch.no_grad():
        return float(
            squared(torch.ones(1, *image_shape, dtype=like.dtype, device=like.device)).sum()
        )


def margin_of_tenth(margins: Tensor) -> float:
    """|γ|, γ the ⌊m/10⌋-th smallest of m signed margins, and the smallest of fewer than 20.

    Raises:
        NotMeasurable: it is zero, so that nothing can be divided by it.

    >>> margin_of_tenth(torch.arange(-3.0, 17.0))
    2.0
    """
    margin = abs(float(margins.kthvalue(max(1, len(margins) // 10)).values))
    if margin == 0:
        raise NotMeasurable("the margin that a tenth of the training samples do not reach is zero")
    return margin


def check_finite(layers: Sequence[AffineLayer]) -> None:
    """Refuse weights that are no numbers.

    Raises:
        NotMeasurable: a weight is not finite; the layer is named.
    """
    for layer in layers:
        if not bool(layer.weight.isfinite().all()):
            raise NotMeasurable(f"the weights of layer {layer.name!r} are not all finite")


def _norm_by_fourier_transform(weight: Tensor, image_shape: tuple[int, ...]) -> float:
    kernel = weight.detach().cpu().double().numpy()
    if kernel.ndim == 2:
        return float(np.linalg.norm(kernel, ord=2))
    transforms = np.fft.fft2(kernel, image_shape[1:], axes=(2, 3)).transpose(2, 3, 0, 1)
    return float(np.linalg.svd(transforms, compute_uv=False).max())
