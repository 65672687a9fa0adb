import math

import numpy as np
import torch
from torch import nn

from baselines.spectral import SpectralMargin, SpectralMarginInitial
from tests.baselines.reference import reference_for


@reference_for(SpectralMargin)
def spectral_margin(measure, network):
    return five_numbers(margins(measure.norm, network, None))


@reference_for(SpectralMarginInitial)
def spectral_margin_initial(measure, network):
    return five_numbers(margins(measure.norm, network, network.initial))


def five_numbers(values):
    q1, q2, q3 = np.percentile(values, [25, 50, 75])
    lower = min(value for value in values if value >= q1 - 1.5 * (q3 - q1))
    upper = max(value for value in values if value <= q3 + 1.5 * (q3 - q1))
    names = ("lower_fence", "q1", "median", "q3", "upper_fence")
    return {f"output.{name}": v for name, v in zip(names, (lower, q1, q2, q3, upper), strict=True)}


def margins(norm, network, initial):
    images = network.train.images
    shape = images.shape[1:]
    maps = matrices(network.module, shape)
    moved = maps
    if initial is not None:
        moved = [a - m for a, m in zip(maps, matrices(initial, shape), strict=True)]
    sigmas = [np.linalg.svd(a, compute_uv=False)[0] for a in maps]
    complexity = math.prod(sigmas) * sum(
        (entry_norm(norm, d) / sigma) ** (2 / 3) for d, sigma in zip(moved, sigmas, strict=True)
    ) ** (3 / 2)
    complexity *= stretch(network.module, shape)
    data = math.sqrt(sum(float((image**2).sum()) for image in images)) / len(images)
    found = []
    for image, label in zip(images, network.train.labels.tolist(), strict=True):
        scores = network.module(image[None])[0].tolist()
        margin = scores[label] - max(s for k, s in enumerate(scores) if k != label)
        if margin > 0:
            found.append(margin / (complexity * data))
    return found


def stretch(module, shape):
    """Product of the Lipschitz constants of the pools, each looked for position by position."""
    product, x = 1.0, torch.zeros(1, *shape, dtype=torch.float64)
    for _, layer in module.chain():
        if "Pool" in type(layer).__name__:
            height, width = x.shape[2:]
            positions = torch.eye(height * width, dtype=torch.float64)
            moved = layer(positions.reshape(-1, 1, height, width)).flatten(1)
            by_position = moved.square().sum(dim=1).max().sqrt()
            maximum = "Max" in type(layer).__name__
            product *= float(by_position if maximum else torch.linalg.svdvals(moved)[0])
        x = layer(x)
    return product


def entry_norm(norm, matrix):
    if norm == "l1":
        return sum(abs(entry) for row in matrix.tolist() for entry in row)
    return sum(math.sqrt(sum(entry**2 for entry in row)) for row in matrix.tolist())


def matrices(module, shape):
    """Matrices (outputs, inputs) of each linear layer together with the batch norm after it."""
    groups, shapes = [], []
    with torch.no_grad():
        x = torch.zeros(1, *shape, dtype=torch.float64)
        for _, layer in module.chain():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                groups.append([layer])
                shapes.append(x.shape)
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                groups[-1].append(layer)
            x = layer(x)
        return [matrix_of(nn.Sequential(*g).eval(), s) for g, s in zip(groups, shapes, strict=True)]


def matrix_of(affine, shape):
    at_zero = affine(torch.zeros(shape, dtype=torch.float64)).flatten()
    columns = []
    for index in range(math.prod(shape)):
        basis = torch.zeros(shape, dtype=torch.float64)
        basis.view(-1)[index] = 1
        columns.append((affine(basis).flatten() - at_zero).numpy())
    return np.stack(columns, axis=1)
