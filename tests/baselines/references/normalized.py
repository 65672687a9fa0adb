import copy
import math
import statistics
from collections import OrderedDict

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from baselines.normalized_loss import NormalizedLoss, NormalizedLossOutput
from baselines.normalized_output import NormalizedOutputMargin
from baselines.product_norm import ProductNorm
from demogen.networks.tapped_module import TappedModule
from tests.baselines.reference import reference_for


def without_batch_norm(module):
    """The same chain as a list of layers, batch norm fused by torch's own functions."""
    layers = []
    for _, layer in copy.deepcopy(module).chain():
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        elif isinstance(layer, nn.BatchNorm1d):
            layers[-1] = fuse_linear_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return layers


def norm_of(layer, p, divisor, with_bias):
    entries = layer.weight.detach().numpy().ravel().tolist()
    if with_bias and layer.bias is not None:
        entries += layer.bias.detach().tolist()
    return math.fsum(abs(entry) ** p for entry in entries) ** (1 / p) / divisor


def divided(module, p=2.0, divisor=1.0):
    """The network with its weights and biases really divided, and the norms they had."""
    layers, norms = without_batch_norm(module), []
    for layer in layers:
        if not hasattr(layer, "weight"):
            continue
        norms.append(norm_of(layer, p, divisor, with_bias=not norms))
        with torch.no_grad():
            layer.weight /= norms[-1]
            if layer.bias is not None:
                layer.bias /= math.prod(norms)
    return TappedModule(OrderedDict((f"s{i}", s) for i, s in enumerate(layers)), {}).eval(), norms


def scores_of(module, network):
    with torch.no_grad():
        return [module(image[None])[0].tolist() for image in network.train.images]


def mean_loss(scores, labels):
    losses = []
    for row, label in zip(scores, labels.tolist(), strict=True):
        top = max(row)
        total = math.fsum(math.exp(score - top) for score in row)
        losses.append(math.log(total) + top - row[label])
    return statistics.fmean(losses)


@reference_for(NormalizedLoss)
def normalized_loss(measure, network):
    module, _ = divided(network.module, measure.p, measure.divisor)
    rows = scores_of(module, network)
    scaled = [[measure.scale * score for score in row] for row in rows]
    return {"normalized_loss": mean_loss(scaled, network.train.labels)}


@reference_for(NormalizedLossOutput)
def normalized_loss_output(measure, network):
    # Which image is the reference is the measure's choice; its norm is not.
    (chosen,) = measure.details(network)["reference_image"]
    rows = scores_of(network.module, network)
    norm = math.hypot(*rows[chosen])
    quotients = [[score / norm for score in row] for row in rows]
    return {"normalized_loss": mean_loss(quotients, network.train.labels)}


@reference_for(ProductNorm)
def product_norm(measure, network):
    _, norms = divided(network.module, measure.p, measure.divisor)
    return {"log_product_norm": math.log(math.prod(norms))}


@reference_for(NormalizedOutputMargin)
def normalized_output_margin(measure, network):
    module, _ = divided(network.module, measure.p, measure.divisor)
    margins = []
    for row, label in zip(scores_of(module, network), network.train.labels.tolist(), strict=True):
        margins.append(row.pop(label) - max(row))
    q1, median, q3 = np.percentile(margins, [25, 50, 75])
    reach = 1.5 * (q3 - q1)
    return {
        "output.smallest": min(margins),
        "output.lower_fence": min(m for m in margins if m >= q1 - reach),
        "output.q1": q1,
        "output.median": median,
        "output.q3": q3,
        "output.upper_fence": max(m for m in margins if m <= q3 + reach),
    }
