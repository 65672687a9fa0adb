import math

import torch

from baselines.class_separation import ClassSeparation
from tests.baselines.reference import reference_for
from tests.baselines.references.transitions import drawn


@reference_for(ClassSeparation)
def class_separation(measure, network):
    labels = dict(zip(keys(network), network.train.labels.tolist(), strict=True))
    index = davies_bouldin(measure, network, labels)
    error = 1 - mixture_accuracy(measure, network, labels)
    return {"davies_bouldin": index, "mixup_error": error, "product": index * error}


def keys(network):
    return [key(image) for image in network.train.images]


def key(image):
    return tuple(image.flatten().tolist())


def davies_bouldin(measure, network, labels):
    by_class = {}
    for image in drawn(network.train.images, measure.images):
        activation = network.module.forward_to(measure.tap, image[None]).flatten().tolist()
        by_class.setdefault(labels[key(image)], []).append(activation)
    means = {
        c: [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        for c, rows in by_class.items()
    }
    scatters = {
        c: math.sqrt(sum(math.dist(row, means[c]) ** 2 for row in rows) / len(rows))
        for c, rows in by_class.items()
    }
    worst = [
        max((scatters[a] + scatters[b]) / math.dist(means[a], means[b]) for b in means if b != a)
        for a in means
    ]
    return sum(worst) / len(worst)


def mixture_accuracy(measure, network, labels):
    shares = []
    for label in set(labels.values()):
        own = torch.stack([x for x in network.train.images if labels[key(x)] == label])
        ring = list(drawn(own, measure.per_class))
        hits = [
            int(network.module(((image + ring[place - step]) / 2)[None]).argmax()) == label
            for place, image in enumerate(ring)
            for step in range(1, measure.partners + 1)
            if 2 * step <= len(ring)
        ]
        if hits:
            shares.append(sum(hits) / len(hits))
    return sum(shares) / len(shares)
