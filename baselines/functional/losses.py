"""Cross-entropy of a network and of the normalized network (Liao et al. 2018)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.functional.batches import batches, finite
from demogen.errors import NotMeasurable
from demogen.tapped import TappedModule


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


def normalized_cross_entropy(logits: Tensor, labels: Tensor, log_norms: Tensor) -> float:
    """Cross-entropy of f̃ = f / ∏ρ_k, the network with every layer divided by its norm.

    Positive homogeneity makes f̃ a multiple of f, so the logits of the network as it stands and one
    number suffice (Liao et al. 2018, section 2). The product is taken in the log domain; where it
    is too large for a double, f̃ is zero to all digits and the loss is ln(classes), as it should be.

    Args:
        logits: of f, float64, shape (n, classes).
        labels: shape (n,).
        log_norms: log ρ_k, shape (layers,), from demogen.homogeneity.log_norms.

    Raises:
        NotMeasurable: ∏ρ_k is so small that f̃ leaves the range of a double.
    """
    loss = cross_entropy(logits * torch.exp(-log_norms.sum()), labels)
    if not math.isfinite(loss):
        raise NotMeasurable("the product of its layers' norms is too small to divide by")
    return loss
