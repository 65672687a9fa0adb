"""σ by its definition: noise drawn again number by number, a network rebuilt for every draw."""

import hashlib
import math
from copy import deepcopy

import numpy as np
import torch
from torch import nn

from baselines.pac_bayes import Flatness, PacBayes
from tests.baselines.reference import reference_for
from tests.baselines.references.norms import folded, kernels_of

EPSILON = 1e-3


@reference_for(Flatness)
def flatness(measure, network):
    sigma, sigma_mag = sigmas(measure, network)
    squares = math.fsum(v * v for k in kernels_of(network.module) for v in k.ravel().tolist())
    return {
        "sigma": sigma,
        "sigma_mag": sigma_mag,
        "pacbayes_orig": squares / 4 / sigma**2 + complexity(network, sigma),
        "pacbayes_flatness": 1 / sigma**2,
        "pacbayes_mag_flatness": 1 / sigma_mag**2,
    }


@reference_for(PacBayes)
def pac_bayes(measure, network):
    sigma, sigma_mag = sigmas(measure, network)
    final, initial = kernels_of(network.module), kernels_of(network.initial)
    weights = [v for kernel in final for v in kernel.ravel().tolist()]
    start = [v for kernel in initial for v in kernel.ravel().tolist()]
    moved = [a - b for a, b in zip(weights, start, strict=True)]
    distance, norm = (math.fsum(v * v for v in values) for values in (moved, weights))

    def mag_bound(squares):
        top = EPSILON**2 + (sigma_mag**2 + 1) * squares / len(moved)
        terms = [math.log(top / (EPSILON**2 + sigma_mag**2 * v * v)) for v in moved]
        return math.fsum(terms) / 4 + complexity(network, sigma_mag)

    return {
        "pacbayes_init": distance / 4 / sigma**2 + complexity(network, sigma),
        "pacbayes_mag_init": mag_bound(distance),
        "pacbayes_mag_orig": mag_bound(norm),
    }


def complexity(network, sigma):
    return math.log(len(network.train) / sigma) + 10


def sigmas(measure, network):
    """Of networks with no more images than the sample has."""
    assert measure.variant == "paper"
    assert len(network.train) <= measure.images
    images, labels = network.train.images, network.train.labels.tolist()
    parts = [
        (layer, [weight] if no_bias(network.module, layer) else [weight, bias])
        for layer, weight, bias in folded(network.module)
    ]
    key = f"{network.id}:{measure.seed}"

    module, layers = plain(network.module)
    tensors = [tensor for _, each in parts for tensor in each]
    draws = [noise_of(tensors, f"{key}:{draw}") for draw in range(measure.draws)]

    def accuracies(deviation):
        for noise in draws:
            noise = list(noise)
            for (_, each), layer in zip(parts, layers, strict=True):
                noisy = [t + deviation(t) * noise.pop(0) for t in each]
                layer.weight = nn.Parameter(torch.from_numpy(noisy[0]))
                layer.bias = nn.Parameter(torch.from_numpy(noisy[1])) if len(noisy) > 1 else None
            with torch.no_grad():
                guesses = module(images).argmax(1).tolist()
            right = sum(guess == label for guess, label in zip(guesses, labels, strict=True))
            yield right / len(labels)

    exact = next(accuracies(lambda t: 0 * t))

    def change(deviation):
        found = []
        for accuracy in accuracies(deviation):
            found.append(accuracy)
            if len(found) == 3 and abs(sum(found) / 3 - exact) > 0.5:
                break
        return abs(sum(found) / len(found) - exact)

    plain_sigma = search(lambda s: change(lambda t: s + 0 * t))
    in_proportion = search(lambda s: change(lambda t: np.sqrt(s**2 * t**2 + EPSILON**2)))
    return plain_sigma, in_proportion


def search(change):
    """Halves an interval of √σ, then interpolates, at most 15 times."""
    low, high, at_low, at_high = 0.0, 2.0, 0.0, None
    for _ in range(15):
        middle = (low + high) / 2
        if at_high is not None and at_high <= 0.5:
            middle = low + (high - low) * (0.1 - at_low) / (at_high - at_low)
            tenth = (high - low) / 10
            middle = min(max(middle, low + tenth), high - tenth)
        found = change(middle**2)
        if abs(found - 0.1) < 0.01:
            break
        if found > 0.1:
            high, at_high = middle, found
        else:
            low, at_low = middle, found
    return middle**2


def noise_of(tensors, key):
    """Numbers drawn in the order of the tensors, given to rows and columns by their norms."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "little")
    generator = torch.Generator().manual_seed(seed)
    found = []
    for tensor in tensors:
        drawn = torch.randn(*tensor.shape, generator=generator).double().numpy()
        noise = np.empty_like(drawn)
        if tensor.ndim == 1:
            noise[np.argsort(tensor, kind="stable")] = drawn
        else:
            squares = (tensor**2).reshape(*tensor.shape[:2], -1).sum(axis=2)
            rows = np.argsort(squares.sum(axis=1), kind="stable")
            columns = np.argsort(squares.sum(axis=0), kind="stable")
            noise[np.ix_(rows, columns)] = drawn
        found.append(noise)
    return found


def no_bias(module, layer):
    """Whether the layer has no bias, and no batch norm after it that would give it one."""
    layers = [each for _, each in module.chain()]
    following = layers[layers.index(layer) + 1 :]
    norm = bool(following) and isinstance(following[0], nn.BatchNorm1d | nn.BatchNorm2d)
    return layer.bias is None and not norm


def plain(module):
    """A copy whose batch norms do nothing, and its convolutions and dense layers."""
    copy = deepcopy(module)
    for _, layer in copy.chain():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.eps = 0.0
            layer.weight.data.fill_(1)
            layer.bias.data.fill_(0)
    return copy, [each for _, each in copy.chain() if isinstance(each, nn.Conv2d | nn.Linear)]
