"""Norms by their definitions: explicit matrices of layers, sums over paths, sorted margins."""

import math

import numpy as np
import torch
from torch import nn

from baselines.norms import InitialDistances, MarginDistance, MarginNorms, WeightNorms
from tests.baselines.reference import reference_for
from tests.baselines.references.spectral import matrices


@reference_for(WeightNorms)
def weight_norms(measure, network):
    kernels, spectral = kernels_of(network.module), spectral_of(network, network.module)
    weights = [value for kernel in kernels for value in kernel.ravel().tolist()]
    frobenius = [math.sqrt(math.fsum(v * v for v in k.ravel().tolist())) for k in kernels]
    return {
        "params": len(weights),
        "l2": math.sqrt(math.fsum(v * v for v in weights)),
        "param_norm": math.fsum(v * v for v in weights),
        **products(spectral, frobenius, 1.0, ""),
        "fro_over_spec": sum(f**2 / s**2 for f, s in zip(frobenius, spectral, strict=True)),
        "path_norm": path_norm(network),
    }


@reference_for(InitialDistances)
def initial_distances(measure, network):
    pairs = zip(kernels_of(network.module), kernels_of(network.initial), strict=True)
    squares = math.fsum(v * v for a, b in pairs for v in (a - b).ravel().tolist())
    shape = network.train.images.shape[1:]
    maps = zip(matrices(network.module, shape), matrices(network.initial, shape), strict=True)
    return {
        "l2_dist": math.sqrt(squares),
        "fro_dist": squares,
        "dist_spec_init": sum(np.linalg.norm(a - b, 2) ** 2 for a, b in maps),
    }


@reference_for(MarginNorms)
def margin_norms(measure, network):
    spectral = spectral_of(network, network.module)
    frobenius = [np.linalg.norm(kernel) for kernel in kernels_of(network.module)]
    margin = margin_of(network)
    ratio = sum(f**2 / s**2 for f, s in zip(frobenius, spectral, strict=True))
    found = products(spectral, frobenius, margin, "_over_margin")
    main = found["log_prod_of_spec_over_margin"] + math.log(ratio)
    path = path_norm(network) / margin**2
    over = {"log_spec_orig_main": main, "path_norm_over_margin": path}
    return {"inverse_margin": 1 / margin**2, **found, **over}


@reference_for(MarginDistance)
def margin_distance(measure, network):
    pairs = zip(kernels_of(network.module), kernels_of(network.initial), strict=True)
    distances = [np.linalg.norm(a - b) for a, b in pairs]
    spectral = spectral_of(network, network.module)
    ratio = sum(d**2 / s**2 for d, s in zip(distances, spectral, strict=True))
    product = math.prod(s**2 for s in spectral) / margin_of(network) ** 2
    return {"log_spec_init_main": math.log(product * ratio)}


def products(spectral, frobenius, margin, end):
    found, count = {}, len(spectral)
    for kind, norms in (("spec", spectral), ("fro", frobenius)):
        product = math.prod(norm**2 for norm in norms) / margin**2
        found[f"log_prod_of_{kind}{end}"] = math.log(product)
        found[f"log_sum_of_{kind}{end}"] = math.log(count * product ** (1 / count))
    return found


def spectral_of(network, module):
    return [np.linalg.norm(m, 2) for m in matrices(module, network.train.images.shape[1:])]


def margin_of(network):
    margins = []
    for image, label in zip(network.train.images, network.train.labels.tolist(), strict=True):
        scores = network.module(image[None])[0].tolist()
        margins.append(scores[label] - max(s for k, s in enumerate(scores) if k != label))
    return abs(sorted(margins)[max(1, len(margins) // 10) - 1])


def folded(module):
    """(layer, weights, biases) of each convolution or dense layer, scaled as the norm after it."""
    found = []
    for _, layer in module.chain():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bias = np.zeros(len(layer.weight)) if layer.bias is None else layer.bias.numpy()
            found.append([layer, layer.weight.numpy().copy(), bias.copy()])
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            _, weight, bias = found[-1]
            for unit in range(len(weight)):
                spread = math.sqrt(float(layer.running_var[unit]) + layer.eps)
                factor = float(layer.weight[unit]) / spread
                bias[unit] = factor * (bias[unit] - float(layer.running_mean[unit]))
                bias[unit] += float(layer.bias[unit])
                weight[unit] *= factor
    return found


def kernels_of(module):
    return [weight for _, weight, _ in folded(module)]


def path_norm(network):
    """Forward through the layers with matrices of squared entries, and squared biases.

    No path depends on an activation function.
    """
    shape = network.train.images.shape[1:]
    maps, biases = matrices(network.module, shape), [bias for _, _, bias in folded(network.module)]
    x, index = torch.ones(1, *shape, dtype=torch.float64), 0
    for _, layer in network.module.chain():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            with torch.no_grad():
                like = layer(x)
            y = maps[index] ** 2 @ x.flatten().numpy()
            y = y.reshape(len(biases[index]), -1) + biases[index][:, None] ** 2
            x, index = torch.from_numpy(y).reshape(like.shape), index + 1
        elif not isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.ReLU | nn.Tanh):
            x = layer(x)
    return float(x.sum())
