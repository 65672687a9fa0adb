"""Largest eigenvalues and traces of the curvature of a loss, of which products are known."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from baselines.functional.lanczos import Leading, largest_eigenvalue
from baselines.functional.loss_surface import LossSurface, random_signs
from demogen.errors import NotMeasurable
from demogen.networks.architectures.resnet import BasicBlock, PreActivationBlock
from demogen.networks.homogeneity import why_not_homogeneous
from demogen.networks.tapped_module import TappedModule

MOST_STEPS = 500
"""Of an iteration before it is given up; some ten are usual."""

_PIECEWISE_LINEAR = (
    TappedModule,
    nn.Sequential,
    PreActivationBlock,
    BasicBlock,
    nn.Conv2d,
    nn.Linear,
    nn.BatchNorm2d,
    nn.ReLU,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
    nn.Identity,
)
"""What the zoo's own residual networks with batch norm consist of."""


def leading_eigenvalues(
    surface: LossSurface, tolerance: float, generator: torch.Generator
) -> tuple[Leading, Leading]:
    """The largest eigenvalue of G, and then that of H from the eigenvector of G, a near one.

    Args:
        surface: of which G and H are meant.
        tolerance: of the residual, relative to the largest absolute Ritz value.
        generator: of the random start, which is q of `LossSurface.gauss_newton_sample`.

    Raises:
        NotMeasurable: an iteration has not converged after `MOST_STEPS`.
    """
    start = surface.gauss_newton_sample(generator)
    if not bool(start.any()):
        # So sure of every image that G is zero.
        start = surface.ranked(lambda shape: torch.randn(shape, generator=generator))
    found = []
    for product in (surface.gauss_newton_product, surface.hessian_product):
        leading = largest_eigenvalue(product, start, tolerance, MOST_STEPS)
        if not leading.converged:
            raise NotMeasurable(
                f"the largest eigenvalue of its curvature does not converge in {MOST_STEPS} steps"
            )
        found.append(leading)
        start = leading.vector()
    return found[0], found[1]


@dataclass(frozen=True)
class Trace:
    """An estimate of a trace.

    Attributes:
        value: the mean of what the draws give.
        error: its standard error.
    """

    value: float
    error: float


@dataclass(frozen=True)
class Traces:
    """Estimates of the trace of a matrix A.

    Attributes:
        plain: of tr A.
        in_proportion: of Σ wᵢ² Aᵢᵢ over the parameters w: of A where each is moved in proportion.
    """

    plain: Trace
    in_proportion: Trace


def gauss_newton_traces(
    surface: LossSurface, leading: Leading, draws: int, generator: torch.Generator
) -> Traces:
    """The trace of G: on the subspace of an iteration exactly, on the rest by random vectors.

    Plain, it is tr QGQᵀ + E ‖q − QᵀQq‖² over q of `gauss_newton_sample`, as Meyer, Musco, Musco and
    Woodruff 2021 (Hutch++) do with Hutchinson's vectors: few eigenvalues make up most of the trace
    and of its variance, and the iteration has found them. In proportion it is E ‖w ∘ q‖².

    Args:
        surface: of which G is meant.
        leading: of an iteration with G.
        draws: how many random vectors, two at least.
        generator: of the random signs.
    """
    found, in_proportion = [], []
    for _ in range(draws):
        sample = surface.gauss_newton_sample(generator)
        in_proportion.append(float((surface.parameters * sample).square().sum()))
        sample -= (leading.basis @ sample) @ leading.basis
        found.append(float(sample.square().sum()))
    known = float(np.trace(leading.projected))
    plain = _trace(found)
    return Traces(Trace(known + plain.value, plain.error), _trace(in_proportion))


def rest_traces(surface: LossSurface, draws: int, generator: torch.Generator) -> Traces:
    """The trace of R by Hutchinson's estimator: the mean of vᵀRv over vectors v of random signs.

    In proportion it is the mean of (w ∘ v)ᵀR(w ∘ v).

    Args:
        surface: of which R is meant.
        draws: how many vectors, two at least.
        generator: of the random signs.
    """
    found, in_proportion = [], []
    for _ in range(draws):
        vector = surface.ranked(lambda shape: random_signs(shape, generator))
        found.append(float(vector @ surface.rest_product(vector)))
        vector = surface.parameters * vector
        in_proportion.append(float(vector @ surface.rest_product(vector)))
    return Traces(_trace(found), _trace(in_proportion))


def linear_in_each_parameter(module: TappedModule) -> bool:
    """Whether every logit is piecewise linear in each single parameter, so that tr R is 0.

    So it is where a path from an image to a logit passes each layer once, and layers are piecewise
    linear: in chains with ReLU, and in the zoo's own residual networks with batch norm. False also
    where that is not known.
    """
    if why_not_homogeneous(module) is None:
        layers = [layer for _, layer in module.chain()]
    else:
        layers = list(module.modules())
        if any(type(layer) not in _PIECEWISE_LINEAR or _is_altered(layer) for layer in layers):
            return False
    own = [id(parameter) for layer in layers for parameter in layer.parameters(recurse=False)]
    return len(set(own)) == len(own)


def _is_altered(layer: nn.Module) -> bool:
    """Whether hooks or parametrizations have a say in what a layer computes."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks) or is_parametrized(layer)


def seeded(*key: object) -> torch.Generator:
    """A generator of random numbers that are a function of the key."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))


def _trace(found: Sequence[float]) -> Trace:
    error = float(np.std(found, ddof=1)) / math.sqrt(len(found))
    return Trace(float(np.mean(found)), error)
