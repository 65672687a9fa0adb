"""How well classes are separated as clusters (Davies and Bouldin 1979)."""

from collections.abc import Iterable

import torch
from torch import Tensor

from demogen.errors import NotMeasurable


def davies_bouldin(by_class: Iterable[Tensor], exponent: int = 2) -> float:
    """Mean over classes i of the largest (S_i + S_j) / M_ij among the others j; smaller is better.

    S_i = (mean of ‖x − μ_i‖^q)^{1/q} is how far the samples of a class lie from its mean μ_i, and
    M_ij = ‖μ_i − μ_j‖₂.

    Args:
        by_class: features of each class that has samples, shape (its samples, ...); they are looked
            at one class after the other, so that those of one need to be in memory.
        exponent: q.

    Raises:
        NotMeasurable: there is one class, or two have the same mean; or features are not finite.

    >>> davies_bouldin(torch.tensor([[[0.0], [2.0]], [[10.0], [14.0]]]))  # (1 + 2) / (12 − 1)
    0.2727272727272727
    """
    means, scatters = [], []
    for features in by_class:
        own = features.flatten(1).double()
        means.append(own.mean(dim=0))
        distances = torch.linalg.vector_norm(own - means[-1], dim=1)
        scatters.append(distances.pow(exponent).mean().pow(1 / exponent))
    if len(means) < 2:
        raise NotMeasurable("its training images are of one class, so no two to tell apart")
    scatter = torch.stack(scatters)
    # Not by a matrix product, which would lose the digits of means that lie close together.
    between = torch.stack(
        [torch.linalg.vector_norm(torch.stack(means) - mean, dim=1) for mean in means]
    )
    if not bool(between.isfinite().all() & scatter.isfinite().all()):
        raise NotMeasurable("its activations are not all finite numbers")
    between.fill_diagonal_(torch.inf)
    if not bool((between > 0).all()):
        raise NotMeasurable("two classes have the same mean activation")
    ratios = (scatter[:, None] + scatter) / between
    return float(ratios.amax(dim=1).mean())
