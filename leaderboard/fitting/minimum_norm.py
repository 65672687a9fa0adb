"""Least-squares solutions of least norm, for many small matrices at once."""

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.metrics import Vector

Mask = npt.NDArray[np.bool_]

ROUNDING = 2e-15
"""A unit column with less than this of a direction may owe it to rounding alone."""
STEEPEST = 1e5
"""Up to this ratio of singular values, rounding changes predictions by far less than 1e-9."""


def minimum_norm(A: Vector, b: Vector, zero: Vector) -> tuple[Vector, Mask]:
    """Minimize ‖A x - b‖ and, among the solutions, ‖x‖.

    Args:
        A: shape (F, k, columns).
        b: shape (F, k).
        zero: singular values below this part of the largest count as zero, shape (F,).

    Returns:
        The solutions, shape (F, columns), and for which of them no singular value is so near
        `zero`, or so small, that rounding could change the solution, shape (F,). The columns of A
        are taken to be known but for `ROUNDING`.
    """
    left, sizes, right = np.linalg.svd(A, full_matrices=False)
    largest = sizes[:, :1]
    parts = sizes / np.where(largest > 0, largest, 1.0)
    kept = parts > np.maximum(zero[:, None], 1 / STEEPEST)
    dropped = (parts < zero[:, None] / 10) & (zero[:, None] > 4 * ROUNDING)
    certain: Mask = np.all(kept | dropped, axis=1)
    inverse = np.where(kept, 1.0, 0.0) / np.where(kept, sizes, 1.0)
    along = np.einsum("fki,fk->fi", left, b) * inverse
    solutions: Vector = np.einsum("fic,fi->fc", right, along)
    return solutions, certain
