"""Logits of a network over many images, and their cross-entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.functional.batches import batches, finite
from demogen.networks.tapped_module import TappedModule


def logits_of(module: TappedModule, images: Tensor, batch_size: int = 256) -> Tensor:
    """Logits of all images, float64, shape (n, classes), on the module's device.

    Raises:
        NotMeasurable: no images, or logits that are not finite.
    """
    with torch.no_grad():
        passes = [module(batch).double() for batch in batches(module, images, batch_size)]
    return finite(torch.cat(passes))


def cross_entropy(logits: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy in nats, from float64 logits (n, classes) and labels (n,).

    >>> round(cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 3])), 6)  # ln 4
    1.386294
    """
    return float(F.cross_entropy(logits.double(), labels.to(logits.device)))
