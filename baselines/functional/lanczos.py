"""Largest eigenvalues of symmetric matrices that are known by their products with vectors alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demogen.errors import NotMeasurable

_BASIS_ENTRIES, _MOST_ENTRIES = 2**26, 2**29
"""Numbers of a basis, about; and at most, 4 GiB, where that leaves four vectors."""

_SMALLEST_BASIS, _LARGEST_BASIS = 20, 64


@dataclass(frozen=True)
class Leading:
    """The largest eigenvalue of a symmetric matrix A, and what was found on the way.

    Attributes:
        value: the largest Ritz value θ; some eigenvalue of A is at most `residual` away.
        residual: ‖A v − θ v‖₂ for the unit Ritz vector v.
        basis: orthonormal rows Q, shape (k, size), float64.
        projected: Q A Qᵀ, shape (k, k).
        steps: products with A.
        converged: whether the residual is within the tolerance.
    """

    value: float
    residual: float
    basis: Tensor
    projected: NDArray[np.float64]
    steps: int
    converged: bool

    def vector(self) -> Tensor:
        """The unit Ritz vector v, shape (size,)."""
        _, vectors = np.linalg.eigh(self.projected)
        return torch.from_numpy(np.ascontiguousarray(vectors[:, -1])).to(self.basis) @ self.basis


def largest_eigenvalue(
    product: Callable[[Tensor], Tensor], start: Tensor, tolerance: float, most_steps: int
) -> Leading:
    """The largest eigenvalue by Lanczos iteration, orthogonalized in full.

    When the basis is full it is restarted from the leading half of its Ritz vectors (thick restart,
    Wu and Simon 2000). One iteration does not do: it gives vᵀAv of its start, far too little.

    Args:
        product: v ↦ A v, float64, shape (size,).
        start: any vector with a part along the leading eigenvector, float64, shape (size,).
        tolerance: of the residual, relative to the largest absolute Ritz value.
        most_steps: products after which it is given up.

    Raises:
        NotMeasurable: a product with A is not finite.

    >>> matrix = torch.diag(torch.tensor([3.0, -5.0, 1.0], dtype=torch.float64))
    >>> found = largest_eigenvalue(matrix.mv, torch.ones(3, dtype=torch.float64), 1e-10, 10)
    >>> round(found.value, 12), found.steps
    (3.0, 3)
    """
    size = len(start)
    smallest = max(4, min(_SMALLEST_BASIS, _MOST_ENTRIES // size))
    capacity = min(max(smallest, min(_LARGEST_BASIS, _BASIS_ENTRIES // size)), size)
    basis = start.new_empty(capacity, size)
    # By a power of two first: the norm of tiny or huge entries leaves the range of a double.
    _, exponent = math.frexp(float(start.abs().max()))
    start = start * 2.0 ** max(-1000, min(1000, -exponent))
    basis[0] = start / start.norm()
    projected = np.zeros((capacity, capacity))
    filled = 0
    for step in range(1, most_steps + 1):
        known = basis[: filled + 1]
        rest = product(basis[filled])
        if not math.isfinite(float(rest.norm())):
            raise NotMeasurable("the curvature of its loss is not finite")
        coefficients = known @ rest
        rest = rest - coefficients @ known
        # Once is not enough to be orthogonal to all digits.
        correction = known @ rest
        rest -= correction @ known
        column = (coefficients + correction).cpu().numpy()
        projected[: filled + 1, filled] = projected[filled, : filled + 1] = column
        length = float(rest.norm())
        filled += 1
        values, vectors = np.linalg.eigh(projected[:filled, :filled])
        residual = length * abs(vectors[-1, -1])
        converged = bool(residual <= tolerance * np.abs(values).max())
        if converged or step == most_steps:
            break
        if filled == capacity:
            filled = capacity // 2
            kept = torch.from_numpy(np.ascontiguousarray(vectors[:, -filled:].T)).to(basis)
            basis[:filled] = kept @ basis
            projected = np.diag(np.pad(values[-filled:], (0, capacity - filled)))
        basis[filled] = rest / length
    return Leading(
        float(values[-1]),
        float(residual),
        basis[:filled],
        projected[:filled, :filled],
        step,
        converged,
    )
