"""Derivatives of a batch's logits, by passes backward: of one combination, or of every class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from demogen.measuring.sample_norms import sample_norms

_GRAM_ENTRIES = 2**22
"""Entries of Jacobians taken to float64 at once."""


@dataclass(frozen=True)
class LogitGram:
    """Inner products of derivatives of logits by the input at every image; float64.

    Classes are in the order of their logits, the most likely first; equal ones by index. With f₍₁₎
    the largest logit of a sample, d_r = ∂(f₍ᵣ₎ − f₍₁₎)/∂x for r = 2 … C and g = ∂f₍₁₎/∂x. Passes
    backward are made of differences, because a saturated softmax depends on them alone and they
    lose no digits to what all logits share.

    Attributes:
        by_rank: classes by descending logit, shape (n, C).
        differences: ⟨d_r, d_s⟩, shape (n, C − 1, C − 1).
        top: ⟨g, d_2⟩ … ⟨g, d_C⟩, ⟨g, g⟩, shape (n, C); None where only differences are needed.
    """

    by_rank: Tensor
    differences: Tensor
    top: Tensor | None = None

    def of_logits(self) -> Tensor:
        """⟨∂f₍ᵣ₎/∂x, ∂f₍ₛ₎/∂x⟩, shape (n, C, C)."""
        assert self.top is not None, "a reduction that needs `jacobian='all'` is given it"
        gram = torch.nn.functional.pad(self.differences, (1, 0, 1, 0))
        with_top = torch.nn.functional.pad(self.top[:, :-1], (1, 0))
        return gram + with_top[:, :, None] + with_top[:, None, :] + self.top[:, -1:, None]


class CollectedNorms:
    """Norms at the taps of the one row that each sample needs, taken as the rows come by."""

    def __init__(self, ranks: Tensor, activations: Mapping[str, Tensor]) -> None:
        self._ranks = ranks
        self.norms = {
            tap: torch.zeros(len(ranks), dtype=torch.float64, device=ranks.device)
            for tap in activations
        }
        self.activations = list(activations.values())

    def take(self, rank: int, gradients: Sequence[Tensor]) -> None:
        """Of the rows of one rank, by tap, take the norms of the samples that need this one."""
        samples = (self._ranks == rank).nonzero().flatten()
        if len(samples):
            for norms, gradient in zip(self.norms.values(), gradients, strict=True):
                norms[samples] = sample_norms(gradient[samples])


def ranks_of(cotangent: Tensor, by_rank: Tensor) -> Tensor | None:
    """Where each sample's cotangent is ±(e₍ᵣ₎ − e₍₁₎): r, counted from 1; None if one is not."""
    ranked = cotangent.gather(1, by_rank)
    others = ranked[:, 1:]
    alike = (ranked[:, 0].abs() == 1) & ((others != 0).sum(dim=1) == 1)
    if not bool((alike & (others.sum(dim=1) == -ranked[:, 0])).all()):
        return None
    return others.abs().argmax(dim=1) + 1


def logit_gram(
    logits: Tensor, x: Tensor, by_rank: Tensor, with_top: bool, collected: Sequence[CollectedNorms]
) -> LogitGram:
    """Inner products of the logits' derivatives, from one backward pass a class."""
    places = collected[0].activations if collected else []
    classes = by_rank.shape[1]
    rows = x.new_empty(len(x), classes - 1 + with_top, x[0].numel())
    for rank in range(1, classes + with_top):
        cotangent = torch.zeros_like(logits, dtype=torch.float64)
        if rank < classes:
            cotangent.scatter_(1, by_rank[:, :1], -1.0)
            cotangent.scatter_(1, by_rank[:, rank : rank + 1], 1.0)
        else:
            cotangent.scatter_(1, by_rank[:, :1], 1.0)
        row, *at_taps = gradients_at(logits, [x, *places], cotangent)
        rows[:, rank - 1] = row.flatten(1)
        if rank < classes:
            for directions in collected:
                directions.take(rank, at_taps)
    some = max(1, _GRAM_ENTRIES // rows[0].numel())
    grams = [part.double() @ part.double().transpose(1, 2) for part in rows.split(some)]
    gram = torch.cat(grams)
    if not with_top:
        return LogitGram(by_rank, gram)
    return LogitGram(by_rank, gram[:, :-1, :-1], gram[:, -1])


def gradients_at(
    logits: Tensor, places: Sequence[Tensor], cotangent: Tensor, *, last: bool = False
) -> Sequence[Tensor]:
    """Each sample's gradient at every place: in evaluation mode samples do not meet."""
    return torch.autograd.grad(
        logits, places, cotangent.to(logits.dtype), retain_graph=not last, materialize_grads=True
    )
