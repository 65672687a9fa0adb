import math

import numpy as np
from torch.autograd.functional import jacobian

from baselines.jacobian_margin import JacobianMargin
from tests.baselines.reference import reference_for


@reference_for(JacobianMargin)
def jacobian_margin(measure, network):
    order = {"spectral": 2, "frobenius": "fro"}[measure.norm]
    found = []
    for image, label in zip(network.train.images, network.train.labels.tolist(), strict=True):
        scores = network.module(image[None])[0].tolist()
        margin = scores[label] - max(s for k, s in enumerate(scores) if k != label)
        if margin > 0:
            by_input = jacobian(lambda x: network.module(x[None])[0], image).flatten(1).numpy()
            size = np.linalg.norm(by_input, order)
            found.append(math.sqrt(2) * margin / size if size else math.inf)
    q1, q2, q3 = np.percentile(found, [25, 50, 75])
    return {
        "input.lower_fence": min(d for d in found if d >= q1 - 1.5 * (q3 - q1)),
        "input.q1": q1,
        "input.median": q2,
        "input.q3": q3,
        "input.upper_fence": max(d for d in found if d <= q3 + 1.5 * (q3 - q1)),
    }
