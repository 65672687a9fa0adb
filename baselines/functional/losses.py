"""Logits of a network over many images, and their cross-entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F

from demogen.measuring.sweep import Batch, Needs, reduce_images
from demogen.networks.tapped_module import TappedModule


class LogitReduction:
    """The logits of all images of a sweep."""

    needs = Needs()

    def __init__(self) -> None:
        self._logits: list[Tensor] = []

    def add(self, batch: Batch) -> None:
        """Take the logits of a batch."""
        self._logits.append(batch.logits)

    def logits(self) -> Tensor:
        """Float64, shape (n, classes), on the module's device."""
        return torch.cat(self._logits)


def logits_of(module: TappedModule, images: Tensor, batch_size: int = 256) -> Tensor:
    """Logits of all images, float64, shape (n, classes): the reduction alone.

    Raises:
        NotMeasurable: no images, or logits that are not finite.
    """
    return reduce_images(module, images, None, LogitReduction(), batch_size).logits()


def cross_entropy(logits: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy in nats, from float64 logits (n, classes) and labels (n,).

    >>> round(cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 3])), 6)  # ln 4
    1.386294
    """
    return float(F.cross_entropy(logits.double(), labels.to(logits.device)))
