import hashlib
import math
import statistics

import numpy as np
import torch

from baselines.label_variation import LabelVariation
from tests.baselines.reference import reference_for
from tests.baselines.references.transitions import drawn


@reference_for(LabelVariation)
def label_variation(measure, network):
    """Of fewer than 500 images and fewer than 50 of a class: one graph of all."""
    module, labels = network.module, network.train.labels.tolist()
    images = drawn(network.train.images, 500)
    position = {key(image): row for row, image in enumerate(network.train.images)}
    own = [labels[position[key(image)]] for image in images]
    at = {tap: [vector(module.forward_to(tap, x[None])) for x in images] for tap in ("h2", "h3")}
    logits = [vector(module(x[None])) for x in images]
    rates = [cosine_variation(space, own) for space in (at["h2"], at["h3"], logits)]
    hard = [[float(label == c) for c in range(max(own) + 1)] for label in own]
    worst = max(nearest_variation(at[tap], hard) for tap in at)
    return {
        "vr": (abs(rates[0] - rates[1]) + abs(rates[1] - rates[2])) / 2 / len(images),
        "wcv": worst / len(images),
        "vpm": statistics.median(of_mixtures(network, graph) for graph in range(measure.mixtures)),
    }


def key(image):
    return tuple(image.flatten().tolist())


def vector(activation):
    values = activation.flatten().tolist()
    length = max(math.hypot(*values), 1e-6)
    return [value / length for value in values]


def neighbors(near, count):
    """For each row, the others at least as near as the count-th; the row itself is the nearest."""
    found = []
    for row, values in enumerate(near):
        bound = sorted(values, reverse=True)[min(count, len(values) - 1)]
        found.append({c for c, value in enumerate(values) if value >= bound - 1e-9 and c != row})
    return found


def cosine_variation(space, labels):
    cosines = [
        [min(max(sum(a * b for a, b in zip(x, y, strict=True)), 0), 1) for y in space]
        for x in space
    ]
    near = neighbors(cosines, 20)
    return sum(
        cosines[i][j]
        for i in range(len(space))
        for j in range(len(space))
        if labels[i] != labels[j] and (j in near[i] or i in near[j])
    )


def nearest_variation(space, targets):
    near = neighbors([[-math.dist(x, y) for y in space] for x in space], 1)
    count = len(space)
    linked = [[j in near[i] or i in near[j] for j in range(count)] for i in range(count)]
    degrees = [sum(row) for row in linked]
    total = sum(value**2 for row in targets for value in row)
    for i in range(count):
        for j in range(count):
            if linked[i][j]:
                inner = sum(a * b for a, b in zip(targets[i], targets[j], strict=True))
                total -= inner / math.sqrt(degrees[i] * degrees[j])
    return total


def of_mixtures(network, graph):
    labels = network.train.labels
    order = []
    for label in sorted(set(labels.tolist())):
        rows = torch.nonzero(labels == label).flatten()
        chosen = drawn(network.train.images[rows], 500, graph)
        order += [(image, label) for image in chosen]
    digest = hashlib.sha256(f"{network.id}/0/{graph}".encode()).digest()
    random = np.random.RandomState(int.from_bytes(digest[:4], "big"))
    partners = random.permutation(len(order))
    shares = random.beta(2.0, 2.0, len(order))
    space, targets = [], []
    for (image, label), partner, share in zip(order, partners, shares, strict=True):
        other, second = order[partner]
        mixture = share * image + (1 - share) * other
        space.append(vector(network.module.forward_to("h3", mixture[None])))
        target = [0.0] * (int(labels.max()) + 1)
        target[label] += share
        target[second] += 1 - share
        targets.append(target)
    return nearest_variation(space, targets) / len(order)
