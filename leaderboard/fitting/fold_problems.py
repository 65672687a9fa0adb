"""The least-squares problems of many folds, each reduced to as few rows as columns are independent.

With the centered columns of all networks written as Q R, Q orthonormal, those of the networks that
a fold fits have the Gram matrix Rᵀ C R, where C is the identity less the part of the networks left
out. C is well-conditioned, however nearly the columns depend on each other, unless the networks
left out hold almost all of some direction; such folds are left to be fitted one by one.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import scipy.linalg

from leaderboard.fitting.fold_indices import Divisions, Positions
from leaderboard.fitting.minimum_norm import ROUNDING
from leaderboard.scoring.metrics import Vector

_LEAST_SHARE = 1e-4
"""Of the squares of any direction, the networks fitted must hold at least this part."""
_LEAST_SPREAD = 1e-7
"""Columns that vary by a smaller part of their size have lost too many digits to it."""
_LOSS = 5e-11
"""Part of the targets' spread that one rounding of what is added to a prediction may come to."""
_EXTREME = 1e100
"""Squares of what is beyond this, or below its inverse, may leave the range of a double."""


@final
@dataclass(frozen=True)
class FoldProblems:
    """Problems minimize ‖Lᵀ R c - t‖ over coefficients c of unit columns, one a fold.

    A fold's centered columns are an orthonormal matrix times Lᵀ R, and its centered targets the
    same matrix times t, but for a part that no column explains. The k-vector R c alone decides the
    predictions; below it is called the weights.

    Attributes:
        folds: numbers of the divisions that are here, F of them.
        basis: Q, shape (networks, k).
        reduced: R, shape (k, columns), of columns divided by `scales`.
        scales: norms of the centered columns, shape (columns,); zero where a column is constant.
        largest: largest absolute values of the columns, shape (columns,).
        allowance: Σ|c_j|·largest_j, c of columns as they are, up to which rounding costs little.
        roots: L, lower triangular, C = L Lᵀ, shape (F, k, k).
        targets: t, shape (F, k).
        squares: sum of squares of the fold's centered targets, shape (F,).
        shares: lower bounds of the smallest eigenvalue of C, shape (F,).
        networks: numbers of networks fitted, shape (F,).
        basis_means: mean rows of Q over the networks fitted, shape (F, k).
        target_means: mean targets of the networks fitted, shape (F,).
    """

    folds: Positions
    basis: Vector
    reduced: Vector
    scales: Vector
    largest: Vector
    allowance: float
    roots: Vector
    targets: Vector
    squares: Vector
    shares: Vector
    networks: Positions
    basis_means: Vector
    target_means: Vector

    def predictions(self, weights: Vector) -> Vector:
        """Predictions for all networks by each fold's model, shape (networks, F).

        Args:
            weights: R c of each fold, shape (F, k).
        """
        offsets = self.target_means - np.einsum("fk,fk->f", self.basis_means, weights)
        predicted: Vector = self.basis @ weights.T + offsets
        return predicted

    def keep_digits(self, coefficients: Vector, columns: Positions) -> npt.NDArray[np.bool_]:
        """Whether large products of columns and coefficients do not cancel in the predictions.

        Args:
            coefficients: of columns as they are, shape (some folds, some columns).
            columns: which columns these are, of the same shape or shape (some columns,).
        """
        sizes = (np.abs(coefficients) * self.largest[columns]).sum(axis=1)
        keep: npt.NDArray[np.bool_] = sizes <= self.allowance
        return keep


def fold_problems(X: Vector, y: Vector, divisions: Divisions) -> FoldProblems | None:
    """Reduce the problems of all divisions that can be reduced without loss.

    Args:
        X: columns of all networks, shape (networks, columns).
        y: their targets, shape (networks,).
        divisions: the folds.

    Returns:
        None where no division can be.
    """
    if not divisions.parts or not X.size or not _is_moderate(X) or not _is_moderate(y[:, None]):
        return None
    factors = _orthonormal(X)
    if factors is None:
        return None
    basis, reduced, scales = factors
    networks = divisions.fitted.sum(axis=1)
    # What is left out says nothing of a network that is fitted twice.
    once = divisions.fitted.max(axis=1) <= 1
    folds = np.flatnonzero(once & (networks > basis.shape[1]))
    fitted, networks = divisions.fitted[folds], networks[folds]

    sums = fitted @ basis
    padded = np.vstack([basis, np.zeros((1, basis.shape[1]))])
    left_out = padded[divisions.left_out[folds]]
    grams = np.eye(basis.shape[1]) - left_out.swapaxes(1, 2) @ left_out
    grams -= sums[:, :, None] * (sums / networks[:, None])[:, None, :]
    shares = _smallest_eigenvalues(grams)
    kept = shares >= _LEAST_SHARE
    if not kept.any():
        return None
    folds, fitted, networks, sums = folds[kept], fitted[kept], networks[kept], sums[kept]
    roots = np.asarray(np.linalg.cholesky(grams[kept]), np.float64)
    means = fitted @ y / networks
    centered = fitted * (y - means[:, None])
    moments = centered @ basis
    return FoldProblems(
        folds=folds,
        basis=basis,
        reduced=reduced,
        scales=scales,
        largest=np.abs(X).max(axis=0),
        allowance=float(_LOSS / np.finfo(np.float64).eps * np.ptp(y) - np.abs(y).max()),
        roots=roots,
        targets=np.linalg.solve(roots, moments[:, :, None])[:, :, 0],
        squares=np.einsum("fn,fn->f", centered, centered),
        shares=shares[kept],
        networks=networks.astype(np.intp),
        basis_means=sums / networks[:, None],
        target_means=means,
    )


def _is_moderate(X: Vector) -> bool:
    """Whether values are finite, and columns constant or varying by a fair part of their size."""
    if not np.isfinite(X).all():
        return False
    largest, spread = np.abs(X).max(axis=0), np.ptp(X, axis=0)
    varies = spread > 0
    if largest.max() > _EXTREME or (spread[varies] < 1 / _EXTREME).any():
        return False
    # What rounding leaves of a constant column must not show beside those that vary.
    beside = spread.max() if varies.any() else np.inf
    return bool((np.where(varies, spread, beside) >= _LEAST_SPREAD * largest).all())


def _orthonormal(X: Vector) -> tuple[Vector, Vector, Vector] | None:
    """Q, R and scales of centered columns; None if all are constant."""
    varies = np.ptp(X, axis=0) > 0
    if not varies.any():
        return None
    centered = np.where(varies, X - X.mean(axis=0), 0.0)
    scales = np.linalg.norm(centered, axis=0)
    unit = centered / np.where(varies, scales, 1.0)
    basis, triangle, order = scipy.linalg.qr(unit, mode="economic", pivoting=True)
    rank = int(np.count_nonzero(np.abs(np.diag(triangle)) > ROUNDING))
    reduced = np.empty((rank, X.shape[1]))
    reduced[:, order] = triangle[:rank]
    return np.ascontiguousarray(basis[:, :rank]), reduced, scales


def _smallest_eigenvalues(grams: Vector) -> Vector:
    """Lower bounds of the smallest eigenvalue of matrices near the identity, shape (F,)."""
    bounds: Vector = 1 - np.linalg.norm(grams - np.eye(grams.shape[1]), axis=(1, 2))
    far = bounds < 0.1
    if far.any():
        bounds[far] = np.linalg.eigvalsh(grams[far])[:, 0]
    return bounds
