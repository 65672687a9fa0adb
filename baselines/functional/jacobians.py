"""Sensitivity of the output to the input (Novak et al. 2018)."""

import torch
from torch import Tensor

from baselines.functional.batches import batches, finite
from demogen.tapped import TappedModule


def softmax_jacobian_norms(module: TappedModule, images: Tensor, batch_size: int = 256) -> Tensor:
    """‖∂ softmax(f(x)) / ∂xᵀ‖_F of every image (section 3.1), float64, shape (n,).

    The rows of this Jacobian sum to zero, so one of them is minus the sum of the others: one
    forward and classes − 1 backward passes a batch. The row left out is each sample's own most
    probable class, because ∂p_k = p_k ∂ log p_k loses no digits for the others however saturated
    the softmax is. Rows are taken relative to the second largest probability, so that probabilities
    below the smallest float32, and squares below the smallest float64, do not vanish.

    Args:
        module: in evaluation mode.
        images: labels are not needed; (n, c, h, w) or (n, d).
        batch_size: samples a pass.

    Raises:
        NotMeasurable: no images, or logits that are not finite.
    """
    norms = [_batch_norms(module, batch) for batch in batches(module, images, batch_size)]
    return torch.cat(norms)


def _batch_norms(module: TappedModule, batch: Tensor) -> Tensor:
    x = batch.detach().requires_grad_()
    with torch.enable_grad():
        log_probabilities = finite(module(x)).double().log_softmax(dim=1)
    by_rank = log_probabilities.detach().argsort(dim=1, descending=True, stable=True)
    second = log_probabilities.detach().gather(1, by_rank[:, 1:2])
    squares = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    others = torch.zeros_like(x, dtype=torch.float64).flatten(1)
    classes = by_rank.shape[1]
    for rank in range(1, classes):
        with torch.enable_grad():
            log_p = log_probabilities.gather(1, by_rank[:, rank : rank + 1])
            total = log_p.sum()
        (gradient,) = torch.autograd.grad(total, x, retain_graph=rank < classes - 1)
        row = gradient.flatten(1).double() * (log_p.detach() - second).exp()
        squares += row.square().sum(dim=1)
        others += row
    squares += others.square().sum(dim=1)
    return squares.sqrt() * second.squeeze(1).exp()
