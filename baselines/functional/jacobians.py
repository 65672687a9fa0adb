"""Sensitivity of the output to the input (Novak et al. 2018)."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.measuring.logit_derivatives import LogitGram
from demogen.measuring.rows import Rows
from demogen.measuring.sweep import Batch, Needs, reduce_images
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


class SoftmaxJacobianReduction:
    """‖∂ softmax(f(x)) / ∂xᵀ‖_F of every image of a sweep (section 3).

    One forward and classes − 1 backward passes: with σ = softmax(f), ∂σ_k = σ_k (d_k − Σ_j σ_j d_j)
    depends only on the differences d_k of the logits' derivatives to that of the most probable
    class, and their inner products suffice for the norms.
    """

    needs = Needs(jacobian="differences")

    def __init__(self) -> None:
        self._norms = Rows()

    def add(self, batch: Batch) -> None:
        """Take the norms of a batch.

        Raises:
            NotMeasurable: derivatives that are not finite.
        """
        assert batch.jacobian is not None
        norms, _ = _softmax_norms(batch.jacobian, batch.logits)
        self._norms.append(norms)

    def norms(self) -> Tensor:
        """Float64, shape (n,)."""
        return self._norms.all()


class PointSensitivityReduction:
    """All that the study of single points needs (sections 4.4 and A.3); one backward pass more."""

    needs = Needs(jacobian="all")

    def __init__(self) -> None:
        self._rows = tuple(Rows() for _ in fields(PointSensitivity))

    def add(self, batch: Batch) -> None:
        """Take the points of a batch.

        Raises:
            NotMeasurable: derivatives that are not finite.
        """
        assert batch.jacobian is not None
        norms, by_rank = _softmax_norms(batch.jacobian, batch.logits)
        squares = batch.jacobian.of_logits().diagonal(dim1=1, dim2=2).sum(dim=1)
        row_norms = torch.zeros_like(by_rank).scatter(1, batch.jacobian.by_rank, by_rank)
        log_p = batch.logits.log_softmax(dim=1)
        parts = (norms, row_norms, _finite(squares), log_p)
        for rows, part in zip(self._rows, parts, strict=True):
            rows.append(part)

    def points(self) -> PointSensitivity:
        """Of all images, in their order."""
        return PointSensitivity(*(rows.all() for rows in self._rows))


def softmax_jacobian_norms(module: TappedModule, images: Tensor, batch_size: int = 256) -> Tensor:
    """‖∂ softmax(f(x)) / ∂xᵀ‖_F of every image, float64, shape (n,): the reduction alone.

    Args:
        module: in evaluation mode.
        images: labels are not needed; (n, c, h, w) or (n, d).
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: no images, or logits or derivatives that are not finite.
    """
    return reduce_images(module, images, None, SoftmaxJacobianReduction(), batch_size).norms()


def point_sensitivities(
    module: TappedModule, images: Tensor, batch_size: int = 256
) -> PointSensitivity:
    """What the study of single points needs, of every image: the reduction alone.

    Args:
        module: in evaluation mode.
        images: (n, c, h, w) or (n, d).
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: no images, or logits or derivatives that are not finite.
    """
    return reduce_images(module, images, None, PointSensitivityReduction(), batch_size).points()


def _softmax_norms(gram: LogitGram, logits: Tensor) -> tuple[Tensor, Tensor]:
    """‖∂σ/∂x‖_F, shape (n,), and ‖∂σ_k/∂x‖₂ for the classes k by rank, shape (n, classes).

    Rows are taken relative to the second largest probability, so that probabilities below the
    smallest float32, and squares below the smallest float64, do not vanish. The row of the most
    probable class is minus the sum of the others.
    """
    log_p = logits.log_softmax(dim=1).gather(1, gram.by_rank)
    others = log_p[:, 1:]
    relative = (others - others[:, :1]).exp()
    # Rows of `mix` times the differences are ∂σ_k / σ_second of the classes other than the first.
    mix = torch.diag_embed(relative) - relative[:, :, None] * others.exp()[:, None, :]
    mixed = mix @ gram.differences
    squares = (mixed * mix).sum(dim=2)
    total = mix.sum(dim=1)
    of_first = ((total[:, None, :] @ gram.differences).squeeze(1) * total).sum(dim=1)
    rows = torch.cat([of_first[:, None], squares], dim=1).clamp_min(0)
    scale = others[:, :1].exp()
    norms = rows.sum(dim=1).sqrt() * scale.squeeze(1)
    return _finite(norms), rows.sqrt() * scale


def _finite(derivatives: Tensor) -> Tensor:
    if not bool(derivatives.isfinite().all()):
        raise NotMeasurable("its derivatives with respect to the input are not all finite numbers")
    return derivatives
