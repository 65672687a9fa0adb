"""Spectra of layers' weights, and power laws fitted to their tails (Martin and Mahoney)."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from demogen.errors import NotMeasurable

FEWEST = 8
"""Eigenvalues of the smallest layer that is looked at: fewer say nothing of a tail."""

ZERO = 1e-10
"""Eigenvalues below this part of their layer's largest are zero but for rounding of the weights."""

RELEASED_ZERO = 1e-5
"""What weightwatcher takes for zero, whatever the scale of the weights."""

RELEASED_MOST, RELEASED_WIDEST = 15_000, 50_000
"""Eigenvalues of the largest layer, and rows of the widest, that weightwatcher looks at."""

RELEASED_SMALL = 20
"""Below so many eigenvalues weightwatcher corrects α for their number, and keeps a longer tail."""

Spectra = Mapping[str, NDArray[np.float64]]
"""Layer → eigenvalues of WᵀW, ascending."""


@dataclass(frozen=True)
class PowerLaw:
    """A power law p(λ) ∝ λ^−α for λ ≥ λ_min, fitted to eigenvalues.

    Attributes:
        alpha: the exponent α; −1 where weightwatcher fits none.
        smallest: λ_min, which belongs to the tail.
        distance: of Kolmogorov and Smirnov, between the tail and the law.
    """

    alpha: float
    smallest: float
    distance: float


NO_FIT = PowerLaw(-1.0, -1.0, -1.0)
"""What weightwatcher gives, and averages, where it fits none."""


def kept_layers(module: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """Convolutions and dense layers with enough eigenvalues for a tail, by their names.

    A convolution has as many matrices (out × in) as its kernel has positions, and their
    eigenvalues together.
    """
    return {
        name: layer
        for name, layer in _layers(module).items()
        if _positions(layer) * min(layer.weight.shape[:2]) >= FEWEST
    }


def kept_layers_released(module: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """The layers that weightwatcher 0.7.7 looks at.

    Those of `kept_layers` that are not too large, but for its count of the smaller side of a
    convolution's matrices: it swaps the sides once a position where there are more inputs than
    outputs, so that with an even number of positions the larger side counts; and where a kernel is
    larger than both sides together it takes the inputs.
    """
    kept = {}
    for name, layer in _layers(module).items():
        outputs, inputs = layer.weight.shape[:2]
        positions = _positions(layer)
        larger, smaller = max(outputs, inputs), min(outputs, inputs)
        if isinstance(layer, nn.Conv2d):
            mistaken = outputs + inputs < sum(layer.weight.shape[2:])
            if outputs < inputs and (mistaken or positions % 2 == 0):
                larger, smaller = smaller, larger
        if FEWEST <= smaller * positions <= RELEASED_MOST and larger <= RELEASED_WIDEST:
            kept[name] = layer
    return kept


def layer_spectra(module: nn.Module) -> Spectra:
    """Eigenvalues of WᵀW of every convolution and dense layer, ascending, in float64.

    A convolution is taken apart into a matrix (out × in) for each position of its kernel, whose
    eigenvalues stand together. They are squares of singular values: WᵀW is not made, in which the
    small ones would drown.

    Raises:
        NotMeasurable: a weight is not finite, or the largest eigenvalue out of range.
    """
    spectra = {}
    for name, layer in _layers(module).items():
        if not bool(layer.weight.isfinite().all()):
            raise NotMeasurable(f"the weights of layer {name!r} are not all finite")
        matrices = _matrices(layer.weight.detach().double())
        singular = torch.linalg.svdvals(matrices).flatten()
        largest = float(singular.max())
        if largest and not sys.float_info.min <= largest * largest < math.inf:
            raise NotMeasurable(
                f"the square of the largest singular value of layer {name!r}, {largest:.3g}, is "
                "out of range"
            )
        spectra[name] = np.sort(singular.cpu().numpy()) ** 2
    return spectra


def power_law(eigenvalues: NDArray[np.float64]) -> PowerLaw | None:
    """The power law of Clauset, Shalizi and Newman (2009): likeliest α at the best λ_min.

    α = 1 + n / Σ ln(λ/λ_min) over the n eigenvalues of the tail (Eq. 3.1 there), and λ_min that of
    the smallest distance sup |S − P| between the tail's distribution function S and the law's P.
    Every eigenvalue but the largest is tried as λ_min, so that the search is exact.

    Args:
        eigenvalues: ascending, all > 0.

    Returns:
        None where all are equal, or there are fewer than two.

    >>> fit = power_law((1 - (np.arange(1000) + 0.5) / 1000) ** (1 / (1 - 3.0)))
    >>> round(fit.alpha, 2), round(fit.smallest, 1)
    (3.0, 1.0)
    """
    return _best(eigenvalues, smallest_tail=2, correction=0, both_sides=True)


def power_law_released(eigenvalues: NDArray[np.float64]) -> PowerLaw:
    """The power law that weightwatcher 0.7.7 fits (`WW_powerlaw.py`, read there).

    The distance is taken to the distribution function below each eigenvalue only, as in the package
    powerlaw. Below 20 eigenvalues α = 1 + (n − 1) / Σ ln(λ/λ_min), and a tail has 8 at least, or
    all there are.

    Args:
        eigenvalues: ascending, all > 0.
    """
    count = len(eigenvalues)
    if count < 2:
        return NO_FIT
    if count >= RELEASED_SMALL:
        found = _best(eigenvalues, smallest_tail=2, correction=0, both_sides=False)
    else:
        tail = min(FEWEST, count)
        found = _best(eigenvalues, smallest_tail=tail, correction=1, both_sides=False)
    return found or PowerLaw(0.0, float(eigenvalues[0]), 1.0)


def tail_metrics(eigenvalues: NDArray[np.float64], law: PowerLaw) -> dict[str, float]:
    """What Martin and Mahoney compute of a layer with a power law fitted to its eigenvalues λ.

    Returns:
        `alpha` α; `alpha_weighted` α·log₁₀ λ_max; `log_alpha_norm` log₁₀ Σ λ^α; `log_norm`
        log₁₀ Σ λ, of the squared Frobenius norm; `log_spectral_norm` log₁₀ λ_max, of the squared
        spectral norm; `stable_rank` Σ λ / λ_max; `ks_distance` of the law from the tail.
    """
    total, largest = float(eigenvalues.sum()), float(eigenvalues.max())
    return {
        "alpha": law.alpha,
        "alpha_weighted": law.alpha * math.log10(largest),
        "log_alpha_norm": log_alpha_norm(eigenvalues, law.alpha),
        "log_norm": math.log10(total),
        "log_spectral_norm": math.log10(largest),
        "stable_rank": total / largest,
        "ks_distance": law.distance,
    }


def log_alpha_norm(eigenvalues: NDArray[np.float64], alpha: float) -> float:
    """log₁₀ Σ λ^α, taken relative to the largest eigenvalue so that powers stay in range."""
    largest = float(eigenvalues.max())
    ratios = eigenvalues / largest
    # A negative α, where no law was fitted, gives infinity for an eigenvalue of zero, or near.
    with np.errstate(divide="ignore", over="ignore"):
        return float(alpha * np.log10(largest) + np.log10((ratios**alpha).sum()))


def _layers(module: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }


def _positions(layer: nn.Conv2d | nn.Linear) -> int:
    return layer.weight.shape[2:].numel()


def _matrices(weight: Tensor) -> Tensor:
    """(out, in, …) → (positions, out, in)."""
    return weight.reshape(*weight.shape[:2], -1).permute(2, 0, 1)


def _best(
    eigenvalues: NDArray[np.float64], smallest_tail: int, correction: int, both_sides: bool
) -> PowerLaw | None:
    logs = np.log(eigenvalues)
    best: PowerLaw | None = None
    for first in range(len(logs) - smallest_tail + 1):
        above = logs[first:] - logs[first]
        total = above.sum()
        if not total > 0:
            continue
        count = len(above)
        slope = (count - correction) / total
        law = -np.expm1(-slope * above)
        below = np.arange(count) / count
        distance = np.abs(law - below).max()
        if both_sides:
            distance = max(distance, np.abs(law - below - 1 / count).max())
        if best is None or distance < best.distance:
            best = PowerLaw(float(1 + slope), float(eigenvalues[first]), float(distance))
    return best
