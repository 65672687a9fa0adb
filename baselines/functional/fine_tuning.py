"""A few steps of plain gradient descent from given weights, on a copy of the network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demogen.networks.copying import copied
from demogen.networks.tapped_module import TappedModule


def fine_tuned(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    learning_rate: float,
    batch: int,
    steps: int,
) -> list[Tensor]:
    """Parameters after so many steps w ← w − η ∇L, L the mean cross-entropy of a batch.

    Batches are taken from the images in the order given, round and round. Batch norm normalizes by
    the batch, and dropout drops nothing. In double precision, so that a small move of the weights
    is not one of rounding.

    Args:
        module: whose weights to begin with; a copy of it is trained.
        images: (n, ...), two at least.
        labels: (n,).
        learning_rate: η.
        batch: images of a batch; all, if there are fewer.
        steps: how many.

    Returns:
        Float64, in the order of `module.parameters()`; not finite where training diverges.
    """
    network = copied(module).double()
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train()
    weights = [weight.requires_grad_(True) for weight in network.parameters()]
    batch = min(batch, len(images))
    for step in range(steps):
        rows = torch.arange(step * batch, (step + 1) * batch, device=images.device) % len(images)
        x = images[rows].to(weights[0]).contiguous()
        with torch.enable_grad():
            loss = F.cross_entropy(network(x), labels[rows.to(labels.device)].to(x.device))
            # A weight that the logits do not depend on stays as it is.
            slopes = torch.autograd.grad(loss, weights, allow_unused=True)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                if slope is not None:
                    weight.sub_(slope, alpha=learning_rate)
    return [weight.detach() for weight in weights]


def distance(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """Euclidean distance of two networks' parameters, given in the same order."""
    squares = [(a - b).square().sum() for a, b in zip(first, second, strict=True)]
    return float(torch.stack(squares).sum().sqrt())
