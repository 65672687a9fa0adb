"""How labels vary over graphs of near neighbors in a latent space (Lassance et al. 2020)."""

import torch
from torch import Tensor
from torch.nn import functional as F

_SHORTEST = 1e-6
"""Vectors shorter than this are not brought to length 1, as in the authors' release."""


_TIE = 1e-9
"""Neighbors whose similarities differ by less count alike, for rounding would choose among them."""


def unit_rows(features: Tensor) -> Tensor:
    """Each sample's features over their length, float64, shape (n, d)."""
    rows = features.flatten(1).double()
    lengths: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / lengths.clamp_min(_SHORTEST)


def near_neighbors(similarity: Tensor, neighbors: int) -> Tensor:
    """Whether j is as similar to i as its k-th neighbor, up to `_TIE`; bool, (n, n).

    Args:
        similarity: (n, n); of each sample to itself the largest of its row.
        neighbors: k; all others, if there are fewer.
    """
    count = min(neighbors + 1, len(similarity))
    threshold = similarity.topk(count, dim=1).values[:, -1:]
    near = similarity >= threshold - _TIE
    near.fill_diagonal_(False)
    return near


def cosine_variation(features: Tensor, targets: Tensor, neighbors: int = 20) -> float:
    """tr(YᵀLY) on the graph of cosines, L = D − W.

    W_ij = max(cos(x_i, x_j), 0) where one of the two is among the `neighbors` nearest of the other,
    else 0. Of hard labels that is the weight of all edges between classes, counted from both ends.

    Args:
        features: (n, ...).
        targets: Y, (n, classes).
        neighbors: of each sample.
    """
    rows = unit_rows(features)
    cosines = (rows @ rows.T).clamp(0, 1)
    near = near_neighbors(cosines, neighbors)
    weights = (near | near.T) * cosines
    # As the sum of squared differences over edges, which is exactly 0 where no edge joins classes.
    signal = targets.to(weights)
    apart = torch.cdist(signal, signal, compute_mode="donot_use_mm_for_euclid_dist").square()
    return float((weights * apart).sum() / 2)


def nearest_variation(features: Tensor, targets: Tensor, *, symmetric: bool = True) -> float:
    """tr(YᵀLY) on the graph of nearest neighbors, L = I − D^{-1/2} A D^{-1/2}.

    A_ij = 1 where j is the nearest neighbor of i by the distance of unit vectors, or, if
    `symmetric`, i that of j; D holds the sums of its rows.

    Args:
        features: (n, ...); two samples at least.
        targets: Y, (n, classes).
        symmetric: as said.
    """
    rows = unit_rows(features)
    # Not by products: distances of near samples would lose their digits.
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    near = near_neighbors(-distances, 1)
    adjacency = ((near | near.T) if symmetric else near).double()
    scale = adjacency.sum(dim=1).rsqrt()
    laplacian = torch.eye(len(rows), dtype=torch.float64, device=rows.device)
    return _trace(laplacian - scale[:, None] * adjacency * scale, targets)


def one_hot(labels: Tensor, classes: int | None = None) -> Tensor:
    """Y of hard labels, float64, (n, classes); None: as many classes as the largest label says."""
    return F.one_hot(labels, -1 if classes is None else classes).double()


def mixed(values: Tensor, partners: Tensor, shares: Tensor) -> Tensor:
    """λ_i v_i + (1 − λ_i) v_{p(i)}.

    Args:
        values: v, (n, ...).
        partners: p, (n,).
        shares: λ, (n,).
    """
    own = shares.to(values).reshape(-1, *[1] * (values.ndim - 1))
    return own * values + (1 - own) * values[partners]


def _trace(laplacian: Tensor, targets: Tensor) -> float:
    signal = targets.to(laplacian)
    return float((signal * (laplacian @ signal)).sum())
