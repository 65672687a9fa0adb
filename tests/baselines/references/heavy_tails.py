import math

import numpy as np
from torch import nn

from baselines.heavy_tails import HeavyTails
from tests.baselines.reference import reference_for


@reference_for(HeavyTails)
def heavy_tails(measure, network):
    released = measure.variant == "released"
    layers = []
    for layer in network.module.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        weight = layer.weight.numpy()
        matrices = [weight[(..., *at)] for at in np.ndindex(weight.shape[2:])]
        values = sorted(
            float(s) ** 2 for matrix in matrices for s in np.linalg.svd(matrix, compute_uv=False)
        )
        if len(values) < 8:
            continue
        if released and isinstance(layer, nn.Conv2d):
            values = [value / 2 for value in values]
        zero = 1e-5 if released else 1e-10 * values[-1]
        alpha, distance = fit([value for value in values if value > zero], released)
        layers.append(
            {
                "alpha": alpha,
                "alpha_weighted": alpha * math.log10(values[-1]),
                "log_alpha_norm": math.log10(math.fsum(value**alpha for value in values)),
                "log_norm": math.log10(math.fsum(values)),
                "log_spectral_norm": math.log10(values[-1]),
                "stable_rank": math.fsum(values) / values[-1],
                "ks_distance": distance,
            }
        )
    return {key: math.fsum(one[key] for one in layers) / len(layers) for key in layers[0]}


def fit(values, released):
    """The likeliest exponent at each cut, and the one whose law lies nearest to the tail."""
    few = released and len(values) < 20
    candidates = []
    for cut in values[:-1]:
        tail = [value for value in values if value >= cut]
        if few and len(tail) < min(8, len(values)):
            continue
        n = len(tail)
        alpha = 1 + (n - few) / math.fsum(math.log(value / cut) for value in tail)
        distance = 0.0
        for value in tail:
            law = 1 - (value / cut) ** (1 - alpha)
            smaller = sum(other < value for other in tail) / n
            up_to_it = sum(other <= value for other in tail) / n
            distance = max(distance, abs(law - smaller))
            if not released:
                distance = max(distance, abs(law - up_to_it))
        candidates.append((distance, -cut, alpha))
    distance, _, alpha = min(candidates)
    return alpha, distance
