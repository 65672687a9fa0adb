"""Gradients of logits and class probabilities: distances to all classes, norms of the Jacobian."""

from collections.abc import Iterator

import torch
from torch import Tensor

from baselines.functional.batches import batches, finite
from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule

_JACOBIAN_ENTRIES = 2**27
_GRAM_ENTRIES = 2**24


def class_distances(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    *,
    probabilities: bool = True,
    classes: int | None = 1,
    epsilon: float = 1e-8,
    batch_size: int = 256,
) -> dict[str, Tensor]:
    """Signed distances to the boundaries with other classes at every tap, to first order.

    d_i = (f_y − f_i) / (‖∇f_y − ∇f_i‖₂ + ε) (Elsayed et al. 2018), with the gradients taken at the
    tap and f logits or probabilities. One backward pass a class serves all taps and samples.

    A gradient of probabilities is Σ_k c_k ∇f_k over the logits f_k, with c_k the derivatives of
    p_y − p_i. These and p_y − p_i itself come from float64 log-probabilities as products and sums
    of terms of one sign, and each sample's c goes backward divided by its largest entry: so no
    digits are lost in a saturated softmax, whatever the network's precision. Where p_i is below
    the smallest double, the gradient counts as zero.

    Args:
        module: in evaluation mode.
        images: training images, (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,).
        probabilities: f are softmax probabilities, not logits.
        classes: how many other classes, those of the highest scores; None: all. Equal scores: the
            first class.
        epsilon: ε.
        batch_size: samples a pass.

    Returns:
        Tap → float64 distances, shape (n, classes), the highest-scoring other class first.

    Raises:
        NotMeasurable: no images, fewer other classes than asked for, logits that are not finite,
            or a gradient of zero with ε = 0.
    """
    distances: dict[str, list[Tensor]] = {tap: [] for tap in module.taps}
    compare = _compare_probabilities if probabilities else _compare_logits
    for batch, chosen in zip(
        batches(module, images, batch_size), torch.split(labels, batch_size), strict=True
    ):
        with torch.enable_grad():
            logits, activations = module.forward_with_taps(batch.detach().requires_grad_())
        scores = finite(logits).detach().double()
        chosen_class = chosen.to(scores.device)[:, None]
        others = _highest_others(scores, chosen_class, classes)
        by_rank: dict[str, list[Tensor]] = {tap: [] for tap in activations}
        for rank in range(others.shape[1]):
            difference, cotangent = compare(scores, chosen_class, others[:, rank : rank + 1])
            scale = cotangent.abs().amax(dim=1, keepdim=True)
            gradients = torch.autograd.grad(
                logits,
                list(activations.values()),
                (cotangent / scale.where(scale > 0, 1.0)).to(logits.dtype),
                retain_graph=rank < others.shape[1] - 1,
            )
            for tap, gradient in zip(activations, gradients, strict=True):
                length = gradient.flatten(1).double().norm(dim=1, keepdim=True)
                by_rank[tap].append(difference / _positive(scale * length + epsilon, tap))
        for tap, columns in by_rank.items():
            distances[tap].append(torch.cat(columns, dim=1))
    return {tap: torch.cat(parts) for tap, parts in distances.items()}


def logit_jacobian_norms(
    module: TappedModule, images: Tensor, *, spectral: bool = True, batch_size: int = 256
) -> tuple[Tensor, Tensor]:
    """Logits of every image and the norm of their Jacobian ∂f/∂xᵀ (classes × input) there.

    One forward and classes backward passes a batch. The spectral norm is the root of the largest
    eigenvalue of the Gram matrix JJᵀ (classes × classes) in float64, which keeps the digits of
    the largest singular value, if not of small ones.

    Args:
        module: in evaluation mode.
        images: (n, c, h, w) or (n, d).
        spectral: the spectral norm, not Frobenius'.
        batch_size: samples a pass; fewer where their Jacobians would fill the memory.

    Returns:
        Logits, float64, shape (n, classes), and norms, float64, shape (n,).

    Raises:
        NotMeasurable: no images, or logits or gradients that are not finite.
    """
    scores, norms = [], []
    if spectral and len(images):
        with torch.no_grad():
            entries = images[0].numel() * module(next(batches(module, images[:1], 1))).shape[1]
        batch_size = min(batch_size, max(1, _JACOBIAN_ENTRIES // entries))
    for batch in batches(module, images, batch_size):
        x = batch.detach().requires_grad_()
        with torch.enable_grad():
            logits = finite(module(x))
        scores.append(logits.detach().double())
        norms.append(_spectral_norms(logits, x) if spectral else _frobenius_norms(logits, x))
    jacobian_norms = torch.cat(norms)
    if not bool(jacobian_norms.isfinite().all()):
        raise NotMeasurable("the gradients of its logits are not all finite numbers")
    return torch.cat(scores), jacobian_norms


def _jacobian_rows(logits: Tensor, x: Tensor) -> Iterator[Tensor]:
    """∂f_k/∂x for one class k after the other, each of shape (n, inputs)."""
    classes = logits.shape[1]
    for index in range(classes):
        chosen = torch.zeros_like(logits)
        chosen[:, index] = 1
        (row,) = torch.autograd.grad(logits, x, chosen, retain_graph=index < classes - 1)
        yield row.flatten(1)


def _frobenius_norms(logits: Tensor, x: Tensor) -> Tensor:
    squares = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for row in _jacobian_rows(logits, x):
        squares += row.double().square().sum(dim=1)
    return squares.sqrt()


def _spectral_norms(logits: Tensor, x: Tensor) -> Tensor:
    jacobians = x.new_empty(len(x), logits.shape[1], x[0].numel())
    for index, row in enumerate(_jacobian_rows(logits, x)):
        jacobians[:, index] = row
    samples = max(1, _GRAM_ENTRIES // jacobians[0].numel())
    grams = []
    for part in jacobians.split(samples):
        double = part.double()
        grams.append(double @ double.transpose(1, 2))
    gram = torch.cat(grams)
    if not bool(gram.isfinite().all()):
        return gram.new_full((len(x),), torch.inf)
    squares: Tensor = torch.linalg.eigvalsh(gram)[:, -1].clamp_min(0)
    return squares.sqrt()


def _positive(norms: Tensor, tap: str) -> Tensor:
    if not bool(norms.isfinite().all()):
        raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is not finite")
    if not bool((norms > 0).all()):
        raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is zero; use ε > 0")
    return norms


def _highest_others(scores: Tensor, chosen: Tensor, classes: int | None) -> Tensor:
    """Classes other than the chosen (n, 1) by descending score, shape (n, classes)."""
    available = scores.shape[1] - 1
    if classes is not None and classes > available:
        raise NotMeasurable(f"it has {available} other classes, not {classes}")
    ranked = scores.scatter(1, chosen, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return ranked[:, : available if classes is None else classes]


def _compare_logits(scores: Tensor, chosen: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """f_y − f_i, shape (n, 1), and its derivatives by the logits, shape (n, classes)."""
    cotangent = torch.zeros_like(scores).scatter(1, chosen, 1.0).scatter(1, other, -1.0)
    return scores.gather(1, chosen) - scores.gather(1, other), cotangent


def _compare_probabilities(scores: Tensor, chosen: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """p_y − p_i, shape (n, 1), and its derivatives by the logits, shape (n, classes)."""
    p = scores.log_softmax(dim=1).exp()
    p_y, p_i = p.gather(1, chosen), p.gather(1, other)
    apart = scores.gather(1, chosen) - scores.gather(1, other)
    difference = -torch.expm1(-apart.abs()) * torch.maximum(p_y, p_i) * apart.sign()
    # 1 − p would lose all digits of a p near 1.
    not_y = p.scatter(1, chosen, 0.0).sum(dim=1, keepdim=True)
    not_i = p.scatter(1, other, 0.0).sum(dim=1, keepdim=True)
    cotangent = -difference * p
    cotangent = cotangent.scatter(1, chosen, p_y * (not_y + p_i))
    return difference, cotangent.scatter(1, other, -p_i * (not_i + p_y))
