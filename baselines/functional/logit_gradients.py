"""Gradients of logits and probabilities: distances to other classes, norms of the Jacobian."""

from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.functional.margins import MARGIN
from demogen.errors import NotMeasurable
from demogen.measuring.batches import sizes
from demogen.measuring.rows import Rows
from demogen.measuring.sweep import Batch, Direction, Needs, reduce_images
from demogen.networks.tapped_module import TappedModule


@dataclass(frozen=True)
class ClassDirection:
    """The direction f_y − f_i towards the class i that is `rank`-th among those other than y.

    A gradient of probabilities is Σ_k c_k ∇f_k over the logits f_k, with c_k the derivatives of
    p_y − p_i. These and p_y − p_i itself come from float64 log-probabilities as products and sums
    of terms of one sign, and each sample's c goes backward divided by its largest entry: so no
    digits are lost in a saturated softmax, whatever the network's precision.

    Attributes:
        probabilities: f are softmax probabilities, not logits.
        rank: from 0 on, by descending logit; equal logits: the first class.
    """

    probabilities: bool
    rank: int

    def cotangent(self, scores: Tensor, labels: Tensor) -> Tensor:
        """c_k of each sample, divided by the largest of them (`compare` gives it)."""
        return self.compare(scores, labels)[1]

    def compare(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """f_y − f_i, shape (n,), its derivatives over their largest, (n, classes), and that, (n,).

        Raises:
            NotMeasurable: there are fewer other classes.
        """
        chosen = labels[:, None]
        available = scores.shape[1] - 1
        if self.rank >= available:
            raise NotMeasurable(f"it has {available} other classes, not {self.rank + 1}")
        ranked = scores.scatter(1, chosen, -torch.inf).argsort(dim=1, descending=True, stable=True)
        other = ranked[:, self.rank : self.rank + 1]
        compare = _compare_probabilities if self.probabilities else _compare_logits
        difference, derivatives = compare(scores, chosen, other)
        scale = derivatives.abs().amax(dim=1, keepdim=True)
        relative = derivatives / scale.where(scale > 0, 1.0)
        return difference.squeeze(1), relative, scale.squeeze(1)


class ClassDistanceReduction:
    """Signed distances to the boundaries with other classes at every tap, to first order.

    d_i = (f_y − f_i) / (‖∇f_y − ∇f_i‖₂ + ε) (Elsayed et al. 2018), with the gradients taken at the
    tap and f logits or probabilities. One backward pass a class serves all taps and samples. Where
    p_i is below the smallest double, the gradient counts as zero.

    Args:
        probabilities: f are softmax probabilities, not logits.
        classes: how many other classes, those of the highest scores.
        epsilon: ε.
    """

    def __init__(self, *, probabilities: bool, classes: int, epsilon: float) -> None:
        self._epsilon = epsilon
        self._directions = [ClassDirection(probabilities, rank) for rank in range(classes)]
        # To the highest other class the logits' direction is that of the margin.
        self._keys: list[Direction] = list(self._directions)
        if not probabilities:
            self._keys[0] = MARGIN
        self.needs = Needs(directions=frozenset(self._keys))
        self._distances: dict[str, Rows] = {}

    def add(self, batch: Batch) -> None:
        """Take the distances of a batch.

        Raises:
            NotMeasurable: a gradient is not finite, or zero with ε = 0.
        """
        assert batch.labels is not None
        columns: dict[str, list[Tensor]] = {}
        for key, direction in zip(self._keys, self._directions, strict=True):
            difference, _, scale = direction.compare(batch.logits, batch.labels)
            for tap, norms in batch.gradient_norms[key].items():
                length = _positive(scale * norms + self._epsilon, tap)
                columns.setdefault(tap, []).append(difference / length)
        for tap, of_ranks in columns.items():
            self._distances.setdefault(tap, Rows()).append(torch.stack(of_ranks, dim=1))

    def distances(self) -> dict[str, Tensor]:
        """Tap → float64 distances, (n, classes), the highest-scoring other class first."""
        return {tap: distances.all() for tap, distances in self._distances.items()}


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
    """`ClassDistanceReduction` alone.

    Args:
        module: in evaluation mode.
        images: training images, (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,).
        probabilities: f are softmax probabilities, not logits.
        classes: how many other classes, those of the highest scores; None: all.
        epsilon: ε.
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: no images, fewer other classes than asked for, logits that are not finite,
            or a gradient of zero with ε = 0.
    """
    reduction = ClassDistanceReduction(
        probabilities=probabilities,
        classes=classes or sizes(module, images).classes - 1,
        epsilon=epsilon,
    )
    return reduce_images(module, images, labels, reduction, batch_size).distances()


class LogitJacobianReduction:
    """Norm of the Jacobian ∂f/∂xᵀ (classes × input) of the logits at every image.

    One forward and classes backward passes. The spectral norm is the root of the largest eigenvalue
    of the Gram matrix JJᵀ (classes × classes) in float64, which keeps the digits of the largest
    singular value, if not of small ones.

    Args:
        spectral: the spectral norm, not Frobenius'.
    """

    needs = Needs(jacobian="all")

    def __init__(self, *, spectral: bool) -> None:
        self._spectral = spectral
        self._logits = Rows()
        self._norms = Rows()

    def add(self, batch: Batch) -> None:
        """Take the logits and norms of a batch.

        Raises:
            NotMeasurable: gradients that are not finite.
        """
        assert batch.jacobian is not None
        gram = batch.jacobian.of_logits()
        if not bool(gram.isfinite().all()):
            raise NotMeasurable("the gradients of its logits are not all finite numbers")
        if self._spectral:
            squares = torch.linalg.eigvalsh(gram)[:, -1]
        else:
            squares = gram.diagonal(dim1=1, dim2=2).sum(dim=1)
        self._logits.append(batch.logits)
        self._norms.append(squares.clamp_min(0).sqrt())

    def logits(self) -> Tensor:
        """Float64, shape (n, classes)."""
        return self._logits.all()

    def norms(self) -> Tensor:
        """Float64, shape (n,)."""
        return self._norms.all()


def logit_jacobian_norms(
    module: TappedModule, images: Tensor, *, spectral: bool = True, batch_size: int = 256
) -> tuple[Tensor, Tensor]:
    """Logits of every image and the norm of their Jacobian there: `LogitJacobianReduction` alone.

    Args:
        module: in evaluation mode.
        images: (n, c, h, w) or (n, d).
        spectral: the spectral norm, not Frobenius'.
        batch_size: images a pass, at most; fewer where their Jacobians would fill the memory.

    Returns:
        Logits, float64, shape (n, classes), and norms, float64, shape (n,).

    Raises:
        NotMeasurable: no images, or logits or gradients that are not finite.
    """
    reduction = LogitJacobianReduction(spectral=spectral)
    reduce_images(module, images, None, reduction, batch_size)
    return reduction.logits(), reduction.norms()


def _positive(norms: Tensor, tap: str) -> Tensor:
    if not bool(norms.isfinite().all()):
        raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is not finite")
    if not bool((norms > 0).all()):
        raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is zero; use ε > 0")
    return norms


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
