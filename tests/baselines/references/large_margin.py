from fractions import Fraction

import numpy as np
import torch

from baselines.large_margin import LargeMargin
from tests.baselines.reference import reference_for


@reference_for(LargeMargin)
def large_margin(measure, network):
    totals = dict.fromkeys(network.module.taps, Fraction(0))
    for image, label in zip(network.train.images, network.train.labels.tolist(), strict=True):
        scores, jacobians = at_one_sample(network.module, image)
        if measure.output == "probabilities":
            scores, jacobians = through_softmax(scores, jacobians)
        others = sorted((k for k in range(len(scores)) if k != label), key=lambda k: -scores[k])
        for tap, rows in jacobians.items():
            for k in others[: measure.classes]:
                gradient = rows[label] - rows[k]
                norm = np.sqrt((gradient**2).sum())
                distance = (scores[label] - scores[k]) / (norm + measure.epsilon)
                totals[tap] += excess(distance, measure.gamma, measure.alpha)
    return {f"{tap}.loss": float(total / len(network.train)) for tap, total in totals.items()}


def excess(distance, gamma, alpha):
    """The released loss of one distance, less γ, without rounding: γ is large."""
    d, gamma = Fraction(float(distance)), Fraction(gamma)
    return max(Fraction(0), gamma - max(d, gamma * (1 - Fraction(alpha)))) - gamma


def at_one_sample(module, image):
    """Logits, and tap → their Jacobian (classes, coordinates), a class at a time."""
    with torch.enable_grad():
        logits, activations = module.forward_with_taps(image[None].clone().requires_grad_())
    rows = {tap: [] for tap in activations}
    for score in logits[0]:
        gradients = torch.autograd.grad(score, list(activations.values()), retain_graph=True)
        for tap, gradient in zip(activations, gradients, strict=True):
            rows[tap].append(gradient.flatten().numpy())
    return logits[0].detach().numpy(), {tap: np.stack(part) for tap, part in rows.items()}


def through_softmax(scores, jacobians):
    weights = np.exp(scores - scores.max())
    p = weights / weights.sum()
    derivative = np.diag(p) - np.outer(p, p)
    return p, {tap: derivative @ rows for tap, rows in jacobians.items()}
