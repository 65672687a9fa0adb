"""Norms of layers as linear maps, and spectral complexity (Bartlett, Foster, Telgarsky 2017)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.functional.lanczos import largest_eigenvalue
from demogen.errors import NotMeasurable
from demogen.networks.homogeneity import AffineLayer, affine_layers
from demogen.networks.tapped_module import TappedModule

EXACT_ENTRIES = 2**16
"""Maps with at most so many entries (inputs times outputs) are decomposed outright."""

RELATIVE_TOLERANCE = 1e-8
"""Of the residual of the squared spectral norm, where it is found by iteration."""

MOST_STEPS = 10_000
"""Steps of the iteration before it is given up; some fifty are usual."""


def spectral_norm(layer: AffineLayer) -> float:
    """‖A‖_σ: the largest singular value of the layer's linear map on inputs of its own size.

    A convolution counts as the map that it is, with its stride, padding and input size (formulas
    by Fourier transform hold for circular stride-1 convolutions only). Small maps are decomposed;
    of large ones the norm is found by Lanczos iteration from a fixed start, which never makes the
    matrix: each step applies the convolution and its transpose once. Plain power iteration needs
    far more steps: the leading singular values of a convolution lie close together. Float64;
    biases do not count.

    Raises:
        NotMeasurable: a weight is not finite, or the iteration does not converge.
    """
    scale, layer = _scaled(_as_plain_matrix(layer), layer.weight.double())
    rows = _row_sums(layer, layer.weight.square())
    if not bool(rows.any()):
        return 0.0
    inputs = math.prod(layer.input_shape)
    if inputs * rows.numel() > EXACT_ENTRIES:
        return scale * _largest_singular_value(layer, tuple(rows.shape))
    matrix = layer.weight
    if layer.convolution is not None or len(layer.input_shape) > 1:
        identity = torch.eye(inputs, dtype=torch.float64, device=matrix.device)
        matrix = layer.linear_map(identity.reshape(inputs, *layer.input_shape)).flatten(1)
    return scale * float(torch.linalg.matrix_norm(matrix, ord=2))


def spectral_norms(module: TappedModule, input_shape: tuple[int, ...]) -> list[float]:
    """The `spectral_norm` of each layer of a chain, batch norm folded in.

    Raises:
        NotMeasurable: as `folded_layers`, or as for `spectral_norm`.
    """
    return [spectral_norm(layer) for layer in affine_layers(module, input_shape)]


def two_one_norm(layer: AffineLayer, reference: AffineLayer | None = None) -> float:
    """‖Aᵀ − Mᵀ‖_{2,1}: the sum of the ℓ2 norms of the rows of a layer's linear map.

    A row belongs to an output unit, a convolution's to one channel at one position, where it is the
    kernel: so the kernel's norm is summed over the positions, borders included. choice: with zero
    padding only the part of the kernel that meets the input is in a border unit's row, and only
    that part counts; this is exact for the map whose norm `spectral_norm` gives. M is the map of
    `reference`, or zero.

    Raises:
        NotMeasurable: a weight is not finite.

    >>> whole = AffineLayer("", torch.tensor([[3.0, 4.0], [0.0, 2.0]]), None, (2,), None)
    >>> two_one_norm(whole)
    7.0
    """
    scale, moved = _scaled(layer, _difference(layer, reference))
    return scale * float(_row_sums(moved, moved.weight.square()).sqrt().sum())


def one_norm(layer: AffineLayer, reference: AffineLayer | None = None) -> float:
    """‖A − M‖₁: the sum of the absolute values of all entries of a layer's linear map.

    An entry of a kernel counts once for every position at which it meets the input.

    Raises:
        NotMeasurable: a weight is not finite.

    >>> whole = AffineLayer("", torch.tensor([[3.0, -4.0], [0.0, 2.0]]), None, (2,), None)
    >>> one_norm(whole)
    9.0
    """
    scale, moved = _scaled(layer, _difference(layer, reference))
    return scale * float(_row_sums(moved, moved.weight.abs()).sum())


DISTANCES = {"two-one": two_one_norm, "l1": one_norm}
"""Name of a norm → (layer, reference) ↦ the norm of their difference."""


def log_spectral_complexity(
    layers: Sequence[AffineLayer],
    references: Sequence[AffineLayer] | None = None,
    distance: Callable[[AffineLayer, AffineLayer | None], float] = two_one_norm,
    norms: Sequence[float] | None = None,
) -> float:
    """Log R_A, R_A = (∏ ‖Aᵢ‖_σ) · (Σ ‖Aᵢᵀ − Mᵢᵀ‖_{2,1}^{2/3} / ‖Aᵢ‖_σ^{2/3})^{3/2}.

    Bartlett, Foster and Telgarsky 2017, with activations of Lipschitz constant 1; other constants
    multiply it (`baselines.functional.pooling.log_lipschitz_constant`). The log is taken
    throughout, as the product overflows in deep networks.

    Args:
        layers: the affine maps Aᵢ in order, batch norm folded in (demogen.networks.homogeneity).
        references: the maps Mᵢ; None: zero.
        distance: in place of ‖Aᵢᵀ − Mᵢᵀ‖_{2,1}; one of `DISTANCES`.
        norms: the `spectral_norm` ‖Aᵢ‖_σ of each layer, where it is known.

    Raises:
        NotMeasurable: a layer is the zero map, a weight is not finite, or every layer equals its
            reference.
    """
    against: Sequence[AffineLayer | None] = references or [None] * len(layers)
    known = norms or [spectral_norm(layer) for layer in layers]
    log_norms, log_ratios = [], []
    for layer, norm, reference in zip(layers, known, against, strict=True):
        if norm == 0:
            raise NotMeasurable(f"layer {layer.name!r} maps everything to zero")
        moved = distance(layer, reference)
        log_norms.append(math.log(norm))
        log_ratios.append(math.log(moved) - math.log(norm) if moved else -math.inf)
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


def _difference(layer: AffineLayer, reference: AffineLayer | None) -> Tensor:
    weight = layer.weight.double()
    return weight if reference is None else weight - reference.weight.to(weight)


def _scaled(layer: AffineLayer, weight: Tensor) -> tuple[float, AffineLayer]:
    """The layer with other weights, divided by the largest of them so that squares stay in range.

    Returns:
        That largest absolute value (0 if all are zero) and the layer, in the dtype of `weight`.
    """
    largest = float(weight.abs().max())
    if not math.isfinite(largest):
        raise NotMeasurable(f"the weights of layer {layer.name!r} are not all finite")
    scaled = weight / largest if largest else weight
    return largest, replace(layer, weight=scaled.reshape(layer.weight.shape))


def _row_sums(layer: AffineLayer, entries: Tensor) -> Tensor:
    """Sum of each row of the linear map with weights `entries`, in the shape of one output."""
    shape, how = layer.input_shape, layer.convolution
    if how is not None:
        # Any channel of a constant input is the same: one is enough, whatever the groups.
        shape, how = (1, *shape[1:]), replace(how, groups=1)
        entries = entries.sum(dim=1, keepdim=True)
    ones = torch.ones(1, *shape, dtype=entries.dtype, device=entries.device)
    return replace(layer, weight=entries, convolution=how).linear_map(ones)[0]


def _as_plain_matrix(layer: AffineLayer) -> AffineLayer:
    """The same layer as one matrix, where its norm is that of a matrix.

    A 1x1 convolution is one matrix at every position; a kernel of the size of the input meets it
    at one position only.
    """
    how = layer.convolution
    if how is None or how.groups > 1:
        return layer
    pointwise = layer.weight.shape[2:].numel() == 1
    if not pointwise and layer.weight.shape[1:] != layer.input_shape:
        return layer
    if any(how.sides):
        return layer
    return replace(
        layer,
        weight=layer.weight.flatten(1),
        input_shape=layer.input_shape[:1] if pointwise else (layer.weight[0].numel(),),
        convolution=None,
    )


def _adjoint(layer: AffineLayer, y: Tensor) -> Tensor:
    """Aᵀ y for y of shape (n, *output shape): the transposed convolution, cut to the input."""
    how = layer.convolution
    if how is None:
        return y @ layer.weight
    # Without padding the transpose reaches as far as kernels do: over the borders of the input and
    # short of its end, where a stride leaves a rest.
    whole = F.conv_transpose2d(
        y, layer.weight, None, how.stride, 0, 0, how.groups, tuple(how.dilation)
    )
    _, height, width = layer.input_shape
    left, _, top, _ = how.sides
    right, bottom = width + left - whole.shape[3], height + top - whole.shape[2]
    return F.pad(whole, (-left, right, -top, bottom))


def _largest_singular_value(layer: AffineLayer, output_shape: tuple[int, ...]) -> float:
    """By Lanczos iteration on AᵀA or AAᵀ, the smaller; all vectors stay on the layer's device."""
    wide = math.prod(output_shape) < math.prod(layer.input_shape)

    def gram(vector: Tensor) -> Tensor:
        if wide:
            return layer.linear_map(_adjoint(layer, vector.reshape(1, *output_shape))).flatten()
        image = layer.linear_map(vector.reshape(1, *layer.input_shape))
        return _adjoint(layer, image).flatten()

    size = math.prod(output_shape if wide else layer.input_shape)
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(size, generator=generator, dtype=torch.float64).to(layer.weight.device)
    found = largest_eigenvalue(gram, start, RELATIVE_TOLERANCE, MOST_STEPS)
    if not found.converged:
        raise NotMeasurable(f"the spectral norm of layer {layer.name!r} does not converge")
    return math.sqrt(found.value)
