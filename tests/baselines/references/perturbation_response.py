import hashlib
import itertools
from fractions import Fraction

import numpy as np
import torch

from baselines.perturbation_response import PerturbationResponse
from tests.baselines.reference import reference_for
from tests.baselines.references.transitions import drawn


@reference_for(PerturbationResponse)
def perturbation_response(measure, network):
    found = {}
    for kind in ("intra", "inter"):
        curve = accuracies(measure, network, kind)
        whole, below, small = (area(curve, end) for end in (Fraction(1), Fraction(2, 5), TENTH))
        found[f"{kind}.gi"] = float(Fraction(1, 2) - whole)
        found[f"{kind}.pal"] = float((whole - below) / small)
    return found


TENTH = Fraction(1, 10)


def accuracies(measure, network, kind):
    """As fractions; every image of the lottery's order may be a partner."""
    images, labels = network.train.images, network.train.labels.tolist()
    by_pixels = {tuple(image.flatten().tolist()): row for row, image in enumerate(images)}
    lottery = drawn(images, len(images), measure.seed)
    order = [by_pixels[tuple(image.flatten().tolist())] for image in lottery]
    digest = hashlib.sha256(f"{network.id}/{measure.seed}/{kind}".encode()).digest()
    random = np.random.RandomState(int.from_bytes(digest[:4], "big"))
    sample = order[: measure.images]
    pairs = []
    for row in sample:
        # By classes, and within each as the lottery has them.
        others = [
            other
            for other in sorted(order, key=lambda each: labels[each])
            if other != row and (labels[other] == labels[row]) == (kind == "intra")
        ]
        place = int(random.random_sample() * len(others))
        if others:
            pairs.append((row, others[place]))
    curve = []
    for step in range(measure.magnitudes):
        share = 0.5 * step / (measure.magnitudes - 1)
        right = 0
        for row, other in pairs:
            mixture = (1 - share) * images[row] + share * images[other]
            with torch.no_grad():
                right += int(network.module(mixture[None]).argmax()) == labels[row]
        curve.append(Fraction(right, len(pairs)))
    return curve


def area(curve, end):
    """∫₀ᵉⁿᵈ (end − a) A(a) da, which is the area under P, by Simpson's rule, exact to degree 3."""
    steps = len(curve) - 1

    def integrand(a):
        place = min(int(a * steps), steps - 1)
        weight = a * steps - place
        return (end - a) * ((1 - weight) * curve[place] + weight * curve[place + 1])

    bounds = sorted({*(min(Fraction(step, steps), end) for step in range(steps + 1))})
    total = Fraction(0)
    for left, right in itertools.pairwise(bounds):
        middle = (left + right) / 2
        total += (right - left) * (integrand(left) + 4 * integrand(middle) + integrand(right)) / 6
    return total
