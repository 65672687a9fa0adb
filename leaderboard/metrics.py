"""How far predictions are from targets: pure numpy, float64, degenerate cases explicit.

Targets and predictions are vectors of shape (networks,). Where a statistic is not defined the
functions return NaN: nothing is added to a denominator to make a number of it.
"""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

CONSTANT = 1e-12
"""Values whose range is at most this fraction of the largest are constant but for rounding.

A gap is the difference of two accuracies: equal gaps may differ by some 1e-16.
"""


def r2(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """R² = 1 - SS_res / SS_tot about the mean of the targets given.

    Returns:
        At most 1; negative where the mean would predict better. NaN for constant targets (a single
        network is constant) and for none.

    >>> r2([1, 2, 3], [1, 2, 4])
    0.5
    """
    y, f = _pair(targets, predictions)
    if is_constant(y):
        return float("nan")
    # Scaled first: the squares of very small gaps would leave the range of float64.
    spread = np.ptp(y)
    residual, total = (y - f) / spread, (y - y.mean()) / spread
    return float(1 - np.sum(residual**2) / np.sum(total**2))


def adjusted_r2(r2: float, networks: int, parameters: int) -> float:
    """Adjusted R̄² = 1 - (1 - R²)(n - 1) / (n - p - 1) of a fit with an intercept.

    Args:
        r2: R² of the fit on the same networks.
        networks: n.
        parameters: p, without the intercept.

    Returns:
        NaN where n < p + 2: no degree of freedom is left to judge by.
    """
    if networks < parameters + 2:
        return float("nan")
    return 1 - (1 - r2) * (networks - 1) / (networks - parameters - 1)


def ssr(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Sum (not mean) of squared residuals, in squared units of the target (Zhao et al. 2021)."""
    y, f = _pair(targets, predictions)
    return float(np.sum((y - f) ** 2))


def mse(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Mean squared error, in squared units of the target; NaN of none."""
    y, f = _pair(targets, predictions)
    return float(np.mean((y - f) ** 2)) if len(y) else float("nan")


def rmse_points(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """100 · √MSE: the root mean squared error in percentage points of accuracy."""
    return 100 * float(np.sqrt(mse(targets, predictions)))


def pearson(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Pearson's correlation, in [-1, 1]; NaN where either side is constant."""
    y, f = _pair(targets, predictions)
    if is_constant(y) or is_constant(f):
        return float("nan")
    cosine = float(np.dot(_direction(y), _direction(f)))
    return max(-1.0, min(1.0, cosine))


def is_constant(values: Vector) -> bool:
    """Whether there are fewer than two values, or they are equal but for rounding."""
    return len(values) < 2 or bool(np.ptp(values) <= CONSTANT * np.abs(values).max())


def _direction(values: Vector) -> Vector:
    centred = values - values.mean()
    scaled: Vector = centred / np.abs(centred).max()
    return scaled / np.linalg.norm(scaled)


def _pair(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[Vector, Vector]:
    y, f = np.asarray(targets, np.float64), np.asarray(predictions, np.float64)
    if y.ndim != 1 or y.shape != f.shape:
        raise ValueError(f"targets {y.shape} and predictions {f.shape} are not equal vectors")
    return y, f
