import itertools
import math
import statistics

import torch

from baselines.k_variance import KVarianceMargins
from tests.baselines.reference import reference_for
from tests.baselines.references.transitions import drawn


@reference_for(KVarianceMargins)
def k_variance_margins(measure, network):
    found = {}
    images, labels = network.train.images, network.train.labels.tolist()
    for tap in ("h1", "h3"):
        samples = [
            margin_at(network.module, tap, *pair) for pair in zip(images, labels, strict=True)
        ]
        weighted = plain = whole = 0.0
        for label in set(labels):
            rows = [row for row, own in enumerate(labels) if own == label]
            if len(rows) < 2:
                continue
            features = [
                network.module.forward_to(tap, image[None]).flatten().tolist()
                for image in drawn(images[rows], measure.per_class)
            ]
            k = len(features) // 2
            variance = cheapest(features[:k], features[k : 2 * k])
            whole += len(rows)
            plain += len(rows) * variance
            weighted += len(rows) * variance * max(samples[row][1] for row in rows)
        margins = [margin for margin, _ in samples]
        normalized = [margin / (norm + measure.epsilon) for margin, norm in samples]
        found[f"{tap}.kv"] = statistics.median(margins) / (weighted / whole)
        found[f"{tap}.kv_gn"] = statistics.median(normalized) / (plain / whole)
    return found


def margin_at(module, tap, image, label):
    """The margin of a sample and the norm of its gradient at a tap."""
    place = module.forward_to(tap, image[None]).detach().requires_grad_(True)
    logits = module.forward_from(tap, place)[0]
    others = [score for c, score in enumerate(logits.tolist()) if c != label]
    second = next(c for c, s in enumerate(logits.tolist()) if s == max(others) and c != label)
    margin = logits[label] - logits[second]
    gradient = torch.autograd.grad(margin, place)[0].flatten().tolist()
    return margin.item(), math.hypot(*gradient)


def cheapest(first, second):
    """Mean distance of the best pairing, with all pairings tried."""
    distances = [[math.dist(a, b) for b in second] for a in first]
    return min(
        sum(row[column] for row, column in zip(distances, order, strict=True)) / len(first)
        for order in itertools.permutations(range(len(second)))
    )
