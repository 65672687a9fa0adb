import functools
import math

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn
from torch.func import functional_call, grad, jacrev

from baselines.curvature import Curvature, FisherRao, SamSharpness
from tests.baselines.reference import reference_for

FEW = 1500
"""Parameters of which each may have a product of its own."""


@reference_for(Curvature)
def curvature(measure, network):
    assert measure.images >= len(network.train)
    assert measure.parameters == "all"
    return known_curvature(network)


@functools.cache
def known_curvature(network):
    """Exact but for the trace where it takes too long: of large networks with curved layers."""
    rows = gauss_newton_rows(network)
    singular = np.linalg.svd(rows, compute_uv=False)
    known = {
        "gauss_newton_max": singular[0] ** 2,
        "gauss_newton_trace": math.fsum(singular**2),
        "hessian_max": largest_eigenvalue(network, rows),
    }
    w = flat_parameters(network)
    # A path from image to logit passes each piecewise linear layer once: no square of a weight.
    curved = any(isinstance(layer, nn.GroupNorm | nn.Tanh) for layer in network.module.modules())
    scaled = math.fsum((rows * w.numpy()).ravel() ** 2)
    if not curved:
        known |= {"hessian_trace": known["gauss_newton_trace"], "magnitude_trace": scaled}
    elif len(w) <= FEW:
        # Not torch.func.hessian, which is wrong for some layers (findings/).
        diagonal = jacrev(grad(rest_loss(network)))(w).diagonal()
        known["hessian_trace"] = known["gauss_newton_trace"] + math.fsum(diagonal.tolist())
        in_proportion = (w.square() * diagonal).tolist()
        known["magnitude_trace"] = scaled + math.fsum(in_proportion)
    return known


@reference_for(SamSharpness)
def sam_sharpness(measure, network):
    assert measure.images >= len(network.train)
    w = flat_parameters(network)
    gradient = torch.autograd.functional.jacobian(lambda at: loss(network, at), w)
    uphill = w + measure.rho * gradient / gradient.norm()
    scale = w.abs()
    adaptive = w
    if (scale * gradient).any():
        adaptive = w + measure.rho_adaptive * scale**2 * gradient / (scale * gradient).norm()
    here = loss(network, w)
    return {
        "sam_sharpness": float(loss(network, uphill) - here),
        "asam_sharpness": float(loss(network, adaptive) - here),
    }


@reference_for(FisherRao)
def fisher_rao(measure, network):
    """Of each image and each label the inner product of gradient and parameters, squared."""
    assert measure.images >= len(network.train)
    w = flat_parameters(network)
    jacobian = logit_jacobian(network)
    p = torch.softmax(logits(network, w), dim=1)
    trained, drawn = [], []
    for i, label in enumerate(network.train.labels.tolist()):
        along = jacobian[i] @ w
        # −ln p_c changes by Σ_k p_k (a_k − a_c): differences, which a sure softmax keeps.
        slopes = [float((p[i] * (along - along[c])).sum()) for c in range(len(along))]
        trained.append(slopes[label] ** 2)
        drawn.append(math.fsum(float(p[i, c]) * slope**2 for c, slope in enumerate(slopes)))
    return {
        "fisher_rao": math.sqrt(math.fsum(trained) / len(trained)),
        "fisher_rao_model": math.sqrt(math.fsum(drawn) / len(drawn)),
    }


def largest_eigenvalue(network, rows):
    """Of the Hessian by ARPACK: its part by the second derivatives of logits, and rows.T @ rows."""
    size = rows.shape[1]

    def product(v):
        vector = torch.from_numpy(np.ascontiguousarray(v).reshape(-1))
        return rows.T @ (rows @ v.reshape(-1)) + rest_product(network, vector).numpy()

    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    [value] = eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False, tol=1e-13)
    return float(value)


@functools.cache
def gauss_newton_rows(network):
    """Rows whose outer products add up to the Gauss-Newton matrix, shape (n · classes, size).

    √p_c Σ_k p_k (∇f_c − ∇f_k): of differences, which a sure softmax keeps.
    """
    p = torch.softmax(logits(network, flat_parameters(network)), dim=1)
    jacobian = logit_jacobian(network)
    rows = []
    for image in range(len(p)):
        for c in range(p.shape[1]):
            row = sum(p[image, k] * (jacobian[image, c] - jacobian[image, k]) for k in range(10))
            rows.append(row * (p[image, c] / len(p)).sqrt())
    return torch.stack(rows).numpy()


def rest_loss(network):
    """Parameters ↦ Σ (p_c − [c = y]) f_c / n, the factors held fast."""
    with torch.no_grad():
        slope = torch.softmax(logits(network, flat_parameters(network)), dim=1)
    slope[torch.arange(len(slope)), network.train.labels] -= 1
    return lambda at: (slope * logits(network, at)).sum() / len(slope)


def rest_product(network, v):
    """The Hessian of that, times v."""
    return torch.autograd.functional.hvp(rest_loss(network), flat_parameters(network), v)[1]


@functools.cache
def logit_jacobian(network):
    """Shape (images, classes, parameters)."""
    w = flat_parameters(network)
    return torch.autograd.functional.jacobian(lambda at: logits(network, at), w)


def flat_parameters(network):
    return torch.cat([p.detach().flatten() for p in network.module.parameters()])


def logits(network, w):
    named = {}
    for name, parameter in network.module.named_parameters():
        named[name], w = w[: parameter.numel()].view(parameter.shape), w[parameter.numel() :]
    return functional_call(network.module, named, (network.train.images,))


def loss(network, w):
    scores = logits(network, w)
    return torch.nn.functional.cross_entropy(scores, network.train.labels)
