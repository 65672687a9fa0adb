"""How sure a network is of its predictions, and thresholds on that."""

from torch import Tensor
from torch.nn import functional as F

ROUNDING = 1e-12
"""Scores, which are of the size of 1, that differ by less are equal but for rounding."""


def largest_probability(logits: Tensor) -> Tensor:
    """max_j softmax(f)_j of every sample, shape (n,), from float64 logits (n, classes)."""
    return F.softmax(logits, dim=1).amax(1)


def negative_entropy(logits: Tensor) -> Tensor:
    """Σ_j p_j ln p_j of every sample, nats, shape (n,), from float64 logits (n, classes).

    >>> import torch
    >>> negative_entropy(torch.zeros(1, 4, dtype=torch.float64)).item()  # −ln 4
    -1.3862943611198906
    """
    log_probabilities = F.log_softmax(logits, dim=1)
    return (log_probabilities.exp() * log_probabilities).sum(1)


def share_below_threshold(scores: Tensor, correct: Tensor, unseen: Tensor) -> float:
    """Share of unseen scores below the score that divides known samples as their errors do.

    The threshold is the k-th smallest known score, k from 0, where k known samples are wrong: so
    that k of them lie below it, if no two are equal.

    Args:
        scores: of known samples, shape (n,).
        correct: whether each is classified correctly, shape (n,).
        unseen: scores of other samples, shape (m,).

    >>> import torch
    >>> known, right = torch.tensor([0.9, 0.2, 0.8, 0.3]), torch.tensor([True, False, True, True])
    >>> share_below_threshold(known, right, torch.tensor([0.1, 0.25, 0.3, 0.5]))
    0.5
    """
    wrong = int((~correct).sum())
    if wrong == len(scores):
        return 1.0
    threshold = scores.sort().values[wrong]
    # What is equal but for rounding does not lie below.
    return float((unseen < threshold - ROUNDING).double().mean())


def mean_difference(first: Tensor, second: Tensor) -> float:
    """Mean of some scores minus that of others; exactly 0 where they differ by rounding alone."""
    difference = float(first.mean() - second.mean())
    return 0.0 if abs(difference) < ROUNDING else difference


def effective_invariance(first: Tensor, second: Tensor) -> Tensor:
    """√(p₁·p₂) where both views of a sample get one class, else 0, shape (n,).

    Args:
        first: float64 logits of one view of every sample, shape (n, classes).
        second: of the other view.
    """
    same = first.argmax(1) == second.argmax(1)
    agreement = (largest_probability(first) * largest_probability(second)).sqrt()
    return agreement * same
