import math

import numpy as np
from torch.autograd.functional import jacobian

from baselines.margins import TapMargins
from tests.baselines.reference import reference_for


@reference_for(TapMargins)
def tap_margins(measure, network):
    module = network.module
    images, labels = network.train.images, network.train.labels.tolist()
    signature = {}
    for tap in module.taps:
        margins, activations = [], []
        for image, label in zip(images, labels, strict=True):
            place = module.forward_to(tap, image[None])
            margins.append(_margin(module, tap, place, label, measure.epsilon))
            activations.append(place.flatten().tolist())
        total_variation = sum(_variance(values) for values in zip(*activations, strict=True))
        signed = [margin / math.sqrt(total_variation) for margin in margins]
        positive = [value for value in signed if value > 0]
        for k in range(1, 6):
            moment = math.fsum(value**k for value in positive) / len(positive)
            signature[f"{tap}.moment{k}"] = moment ** (1 / k)
        for kind, values in {
            "": positive,
            "raw_": [margin for margin in margins if margin > 0],
            "signed_": signed,
        }.items():
            for name, value in _box(values).items():
                signature[f"{tap}.{kind}{name}"] = value
    return signature


def _margin(module, tap, place, label, epsilon):
    scores = module.forward_from(tap, place)[0].tolist()
    other = max((k for k in range(len(scores)) if k != label), key=lambda k: scores[k])

    def difference(activation):
        logits = module.forward_from(tap, activation)[0]
        return logits[label] - logits[other]

    gradient = jacobian(difference, place).flatten().tolist()
    length = math.sqrt(epsilon + math.fsum(g * g for g in gradient))
    return (scores[label] - scores[other]) / length


def _variance(values):
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values)


def _box(values):
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    reach = 1.5 * (q3 - q1)
    return {
        "lower_fence": min(value for value in values if value >= q1 - reach),
        "q1": q1,
        "median": median,
        "q3": q3,
        "upper_fence": max(value for value in values if value <= q3 + reach),
    }
