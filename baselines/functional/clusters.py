"""How well classes are separated as clusters (Davies and Bouldin 1979)."""

import torch
from torch import Tensor

from demogen.errors import NotMeasurable


def davies_bouldin(features: Tensor, labels: Tensor, exponent: int = 2) -> float:
    """Mean over classes i of the largest (S_i + S_j) / M_ij among the others j; smaller is better.

    S_i = (mean of ‖x − μ_i‖^q)^{1/q} is how far the samples of a class lie from its mean μ_i, and
    M_ij = ‖μ_i − μ_j‖₂.

    Args:
        features: shape (n, ...).
        labels: shape (n,).
        exponent: q.

    Raises:
        NotMeasurable: there is one class, or two have the same mean.

    >>> features = torch.tensor([[0.0], [2.0], [10.0], [14.0]])
    >>> davies_bouldin(features, torch.tensor([0, 0, 1, 1]))  # (1 + 2) / (12 − 1)
    0.2727272727272727
    """
    labels = labels.to(features.device)
    classes = labels.unique()
    if len(classes) < 2:
        raise NotMeasurable("its training images are of one class, so no two to tell apart")
    means, scatters = [], []
    for label in classes:
        # A class at a time: all in double would take twice the memory of the activations.
        own = features[labels == label].flatten(1).double()
        means.append(own.mean(dim=0))
        distances = torch.linalg.vector_norm(own - means[-1], dim=1)
        scatters.append(distances.pow(exponent).mean().pow(1 / exponent))
    scatter = torch.stack(scatters)
    # Not by a matrix product, which would lose the digits of means that lie close together.
    between = torch.stack(
        [torch.linalg.vector_norm(torch.stack(means) - mean, dim=1) for mean in means]
    )
    between.fill_diagonal_(torch.inf)
    if not bool((between > 0).all()):
        raise NotMeasurable("two classes have the same mean activation")
    ratios = (scatter[:, None] + scatter) / between
    return float(ratios.amax(dim=1).mean())
