"""Jacobian norm of a point as a function of its loss (Novak et al. 2018, section A.3).

With σ = softmax(f), l = −log σ_y and n classes, ∂σ_y/∂x = σ_y Σ_j (δ_jy − σ_j) ∂f_j/∂x. The paper
takes the logits' derivatives as orthogonal to each other and equally long, ‖∂f_j/∂x‖²₂ ≈ M with
M = E‖∂f/∂xᵀ‖²_F / n over the test points, so that
‖J_y‖²₂ ≈ M σ_y² ((1 − σ_y)² + Σ_{j≠y} σ_j²). All below follows from the sum over j ≠ y, which lies
between (1 − σ_y)²/(n − 1), all other classes being equally probable, and (1 − σ_y)², all but one of
them having no probability.

Losses are arrays of any shape, in nats; curves are float64 arrays of that shape.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def mean_logit_square(logit_squares: ArrayLike, classes: int) -> float:
    """M = E‖∂f/∂xᵀ‖²_F / n, from ‖∂f(x)/∂xᵀ‖²_F of each point.

    >>> mean_logit_square([3.0, 5.0], classes=2)
    2.0
    """
    return float(np.mean(np.asarray(logit_squares, dtype=np.float64))) / classes


def target_row_bounds(
    losses: ArrayLike, M: float, classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which ‖J_y‖₂, the norm of the target class's row, lies for a given loss (Eq. 5).

    √(nM / (n − 1)) e^{−l} (1 − e^{−l}) ≲ ‖J_y‖₂ ≲ √(2M) e^{−l} (1 − e^{−l}). The lower bound is one
    of the full Jacobian's norm too (Eq. 6).

    Returns:
        Lower and upper bound.
    """
    right, wrong = _probabilities(losses)
    shape = right * wrong
    return np.sqrt(classes * M / (classes - 1)) * shape, np.sqrt(2 * M) * shape


def jacobian_norm_of_loss(losses: ArrayLike, M: float, classes: int) -> NDArray[np.float64]:
    """‖J‖_F for a given loss if all wrong classes are equally probable (Eq. 7).

    √M / (n − 1) · (1 − e^{−l}) · √(n² e^{−2l} + n − 2).
    """
    right, wrong = _probabilities(losses)
    spread = np.sqrt(classes**2 * right**2 + classes - 2)
    norm: NDArray[np.float64] = np.sqrt(M) / (classes - 1) * wrong * spread
    return norm


def _probabilities(losses: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """σ_y and 1 − σ_y, the latter exact for small losses too."""
    losses = np.asarray(losses, dtype=np.float64)
    return np.exp(-losses), -np.expm1(-losses)
