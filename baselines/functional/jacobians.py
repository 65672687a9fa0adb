"""Sensitivity of the output to the input (Novak et al. 2018)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.functional.batches import batches, finite, in_fastest_format
from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule


@dataclass(frozen=True)
class PointSensitivity:
    """How the outputs move with the input at every image; float64, on the module's device.

    Attributes:
        norms: ‖∂ softmax(f(x)) / ∂xᵀ‖_F, shape (n,).
        row_norms: ‖∂ softmax(f(x))_k / ∂x‖₂ of every class k, shape (n, classes).
        logit_squares: ‖∂f(x) / ∂xᵀ‖²_F, shape (n,).
        log_probabilities: log softmax(f(x)), shape (n, classes).
    """

    norms: Tensor
    row_norms: Tensor
    logit_squares: Tensor
    log_probabilities: Tensor


def softmax_jacobian_norms(module: TappedModule, images: Tensor, batch_size: int = 256) -> Tensor:
    """‖∂ softmax(f(x)) / ∂xᵀ‖_F of every image (section 3), float64, shape (n,).

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
        NotMeasurable: no images, or logits or derivatives that are not finite.
    """
    return torch.cat([_norms(module, batch) for batch in batches(module, images, batch_size)])


def point_sensitivities(
    module: TappedModule, images: Tensor, batch_size: int = 256
) -> PointSensitivity:
    """All that the study of single points needs (sections 4.4 and A.3).

    The same passes as `softmax_jacobian_norms` and one backward pass more, of the log-normalizer
    L = log Σ_k exp f_k: with f_k = log p_k + L it turns the derivatives of log p into the logits'.

    Args:
        module: in evaluation mode.
        images: (n, c, h, w) or (n, d).
        batch_size: samples a pass.

    Raises:
        NotMeasurable: no images, or logits or derivatives that are not finite.
    """
    parts = [_sensitivity(module, batch) for batch in batches(module, images, batch_size)]
    return PointSensitivity(
        torch.cat([part.norms for part in parts]),
        torch.cat([part.row_norms for part in parts]),
        torch.cat([part.logit_squares for part in parts]),
        torch.cat([part.log_probabilities for part in parts]),
    )


class _Forward:
    """One forward pass of a batch, whose derivatives are then asked for one class at a time."""

    def __init__(self, module: TappedModule, batch: Tensor) -> None:
        self._x = in_fastest_format(module, batch).detach().requires_grad_()
        with torch.enable_grad():
            self._logits = finite(module(self._x)).double()
            self._log_p = self._logits.log_softmax(dim=1)
        self.log_p = self._log_p.detach()
        self.by_rank = self.log_p.argsort(dim=1, descending=True, stable=True)
        self.second = self.log_p.gather(1, self.by_rank[:, 1:2])

    def log_p_derivatives(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Class k, then ∂ log p_k / ∂x (n, d), of each sample's second, third, … most probable."""
        for rank in range(1, self.by_rank.shape[1]):
            chosen = self.by_rank[:, rank : rank + 1]
            with torch.enable_grad():
                total = self._log_p.gather(1, chosen).sum()
            yield chosen, self._derivative(total)

    def normalizer_derivative(self) -> Tensor:
        """∂L / ∂x, (n, d)."""
        with torch.enable_grad():
            total = self._logits.logsumexp(dim=1).sum()
        return self._derivative(total)

    def relative_to_second(self, chosen: Tensor) -> Tensor:
        """p_k / p_second of each sample's chosen class, (n, 1)."""
        return (self.log_p.gather(1, chosen) - self.second).exp()

    def _derivative(self, total: Tensor) -> Tensor:
        # Samples do not meet in evaluation mode: the sum's gradient holds each sample's own.
        (gradient,) = torch.autograd.grad(total, self._x, retain_graph=True)
        return gradient.flatten(1).double()


def _norms(module: TappedModule, batch: Tensor) -> Tensor:
    forward = _Forward(module, batch)
    squares: Tensor | float = 0.0
    others: Tensor | float = 0.0
    for chosen, gradient in forward.log_p_derivatives():
        row = gradient.mul_(forward.relative_to_second(chosen))
        squares = squares + row.square().sum(dim=1)
        others = others + row
    squares = squares + torch.as_tensor(others).square().sum(dim=1)
    return _finite(squares.sqrt() * forward.second.squeeze(1).exp())


def _sensitivity(module: TappedModule, batch: Tensor) -> PointSensitivity:
    forward = _Forward(module, batch)
    top = forward.by_rank[:, :1]
    normalizer = forward.normalizer_derivative()
    row_norms = torch.zeros_like(forward.log_p)
    logit_squares = torch.zeros_like(forward.log_p[:, 0])
    top_row = torch.zeros_like(normalizer)
    for chosen, gradient in forward.log_p_derivatives():
        ratio = forward.relative_to_second(chosen)
        row_norms.scatter_(
            1, chosen, torch.linalg.vector_norm(gradient, dim=1, keepdim=True) * ratio
        )
        top_row -= gradient * ratio
        logit_squares += (gradient + normalizer).square().sum(dim=1)
    row_norms.scatter_(1, top, torch.linalg.vector_norm(top_row, dim=1, keepdim=True))
    top_gradient = top_row / forward.relative_to_second(top)
    logit_squares += (top_gradient + normalizer).square().sum(dim=1)
    scale = forward.second.exp()
    norms = torch.linalg.vector_norm(row_norms, dim=1) * scale.squeeze(1)
    return PointSensitivity(
        _finite(norms), row_norms * scale, _finite(logit_squares), forward.log_p
    )


def _finite(derivatives: Tensor) -> Tensor:
    if not bool(derivatives.isfinite().all()):
        raise NotMeasurable("its derivatives with respect to the input are not all finite numbers")
    return derivatives
