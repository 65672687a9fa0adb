"""Norms of layers as linear maps, and spectral complexity (Bartlett, Foster, Telgarsky 2017)."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.homogeneity import AffineLayer

EXACT_ENTRIES = 2**16
"""Maps with at most so many entries (inputs times outputs) are decomposed outright."""

RELATIVE_TOLERANCE = 1e-10
"""Of the squared spectral norm, where it is found by iteration."""

MOST_ITERATIONS = 10_000
"""Restarts of the iteration before it is given up; some ten are usual."""


def spectral_norm(layer: AffineLayer) -> float:
    """‖A‖_σ: the largest singular value of the layer's linear map on inputs of its own size.

    A convolution counts as the map that it is, with its stride, padding and input size (formulas
    by Fourier transform hold for circular stride-1 convolutions only). Small maps are decomposed;
    of large ones the norm is found by Lanczos iteration on AᵀA from a fixed start, which never
    makes the matrix. Plain power iteration needs far more steps: the leading singular values of a
    convolution lie close together. Float64; biases do not count.

    Raises:
        NotMeasurable: the iteration does not converge.
    """
    layer = _as_plain_matrix(replace(layer, weight=layer.weight.double()))
    row_norms = _row_norms(layer)
    if not bool(row_norms.any()):
        return 0.0
    inputs = math.prod(layer.input_shape)
    if inputs * row_norms.numel() <= EXACT_ENTRIES:
        identity = torch.eye(inputs, dtype=torch.float64, device=layer.weight.device)
        columns = layer.linear_map(identity.reshape(inputs, *layer.input_shape)).flatten(1)
        return float(torch.linalg.matrix_norm(columns, ord=2))
    return _largest_singular_value(layer)


def two_one_norm(layer: AffineLayer, reference: AffineLayer | None = None) -> float:
    """‖Aᵀ − Mᵀ‖_{2,1}: the sum of the ℓ2 norms of the rows of a layer's linear map.

    A row belongs to an output unit, a convolution's to one channel at one position, where it is the
    kernel: so the kernel's norm is summed over the positions, borders included. choice: with zero
    padding only the part of the kernel that meets the input is in a border unit's row, and only
    that part counts; this is exact for the map whose norm `spectral_norm` gives. M is the map of
    `reference`, or zero.

    >>> whole = AffineLayer("", torch.tensor([[3.0, 4.0], [0.0, 2.0]]), None, (2,), None)
    >>> two_one_norm(whole)
    7.0
    """
    weight = layer.weight.double()
    if reference is not None:
        weight = weight - reference.weight.double()
    return float(_row_norms(replace(layer, weight=weight)).sum())


def log_spectral_complexity(
    layers: Sequence[AffineLayer], references: Sequence[AffineLayer] | None = None
) -> float:
    """Log R_A, R_A = (∏ ‖Aᵢ‖_σ) · (Σ ‖Aᵢᵀ − Mᵢᵀ‖_{2,1}^{2/3} / ‖Aᵢ‖_σ^{2/3})^{3/2}.

    Bartlett, Foster and Telgarsky 2017, with activations of Lipschitz constant 1. The log
    is taken throughout, as the product overflows in deep networks.

    Args:
        layers: the affine maps Aᵢ in order, batch norm folded in (demogen.homogeneity).
        references: the maps Mᵢ; None: zero.

    Raises:
        NotMeasurable: a layer is the zero map, or every layer equals its reference.
    """
    against: Sequence[AffineLayer | None] = references or [None] * len(layers)
    log_norms, log_ratios = [], []
    for layer, reference in zip(layers, against, strict=True):
        norm = spectral_norm(layer)
        if norm == 0:
            raise NotMeasurable(f"layer {layer.name!r} maps everything to zero")
        distance = two_one_norm(layer, reference)
        log_norms.append(math.log(norm))
        log_ratios.append(math.log(distance) - math.log(norm) if distance else -math.inf)
    ratios = torch.tensor(log_ratios, dtype=torch.float64) * (2 / 3)
    if bool(ratios.isneginf().all()):
        raise NotMeasurable("every layer equals its reference")
    return math.fsum(log_norms) + 1.5 * float(ratios.logsumexp(dim=0))


def log_data_norm(images: Tensor) -> float:
    """Log ‖X‖_F over all images (n, ...), summed in float64.

    Raises:
        NotMeasurable: all images are zero, or there are none.
    """
    total = math.fsum(float(part.double().square().sum()) for part in torch.split(images, 1024))
    if not total > 0:
        raise NotMeasurable("all training images are zero")
    return 0.5 * math.log(total)


def _row_norms(layer: AffineLayer) -> Tensor:
    ones = torch.ones(1, *layer.input_shape, dtype=layer.weight.dtype, device=layer.weight.device)
    return replace(layer, weight=layer.weight.square()).linear_map(ones).sqrt()


def _as_plain_matrix(layer: AffineLayer) -> AffineLayer:
    """A 1x1 convolution is one matrix at every position: its norm is that matrix's."""
    how = layer.convolution
    if how is None or layer.weight.shape[2:].numel() > 1 or how.groups > 1:
        return layer
    if how.padding != "valid" and any(side != 0 for side in how.padding):
        return layer
    return replace(
        layer,
        weight=layer.weight.flatten(1),
        input_shape=layer.input_shape[:1],
        convolution=None,
    )


def _largest_singular_value(layer: AffineLayer) -> float:
    inputs = math.prod(layer.input_shape)

    def gram(vector: np.ndarray) -> np.ndarray:
        x = torch.tensor(vector, dtype=torch.float64, device=layer.weight.device)
        x = x.reshape(1, *layer.input_shape).requires_grad_()
        # The gradient of ‖Ax‖² / 2 is AᵀAx, whatever kind of map A is.
        with torch.enable_grad():
            energy = layer.linear_map(x).square().sum() / 2
            (product,) = torch.autograd.grad(energy, x)
        flat: np.ndarray = product.flatten().cpu().numpy()
        return flat

    operator = LinearOperator((inputs, inputs), matvec=gram, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(inputs)
    try:
        (eigenvalue,) = eigsh(
            operator,
            k=1,
            which="LA",
            v0=start,
            tol=RELATIVE_TOLERANCE,
            maxiter=MOST_ITERATIONS,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as error:
        raise NotMeasurable(f"the spectral norm of {layer.name!r} does not converge") from error
    return math.sqrt(eigenvalue)
