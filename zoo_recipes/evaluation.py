"""A trained network on whole sets: accuracy and cross-entropies, in evaluation mode."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from demogen.errors import NotMeasurable
from demogen.networks.homogeneity import log_product_norm
from demogen.networks.tapped_module import TappedModule

EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Evaluation:
    """A network's outcome on labelled images.

    Attributes:
        accuracy: fraction of images whose label is predicted.
        cross_entropy: in nats, mean over all images.
        normalized_cross_entropy: that of the normalized network f̃ = f / ∏ρ_k; None where f̃ is not
            defined.
    """

    accuracy: float
    cross_entropy: float
    normalized_cross_entropy: float | None


def evaluate(
    module: TappedModule,
    inputs: Iterable[Tensor],
    labels: Sequence[Tensor],
    *,
    normalize: bool = True,
) -> list[Evaluation]:
    """The outcome on each label vector, from one forward pass over all images; sums are float64.

    Args:
        module: in evaluation mode.
        inputs: standardized images, batch after batch, on the module's device.
        labels: vectors (n,), one or more.
        normalize: also the normalized network's cross-entropy.
    """
    log_norm = _log_norm(module) if normalize else None
    correct = [0] * len(labels)
    losses, normalized = torch.zeros(2, len(labels), dtype=torch.float64)
    done = 0
    with torch.no_grad():
        for x in inputs:
            logits = module(x).double()
            predicted = logits.argmax(1)
            for index, vector in enumerate(labels):
                y = vector[done : done + len(x)].to(x.device)
                correct[index] += int((predicted == y).sum())
                losses[index] += _sum_of_losses(logits, y)
                if log_norm is not None:
                    normalized[index] += _sum_of_losses(logits * math.exp(-log_norm), y)
            done += len(x)
    return [
        Evaluation(
            correct[index] / done,
            float(losses[index]) / done,
            None if log_norm is None else float(normalized[index]) / done,
        )
        for index in range(len(labels))
    ]


def _sum_of_losses(logits: Tensor, labels: Tensor) -> float:
    return float(F.cross_entropy(logits, labels, reduction="sum"))


def _log_norm(module: TappedModule) -> float | None:
    try:
        log_norm = log_product_norm(module)
    except NotMeasurable:
        return None
    # Below this, f̃ = f·exp(-log_norm) leaves the range of doubles.
    return log_norm if log_norm > -600 else None
