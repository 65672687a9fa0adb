"""How far predictions are from targets: pure numpy, float64, degenerate cases explicit.

Targets and predictions are vectors of shape (networks,). Where a statistic is not defined the
functions return NaN: nothing is added to a denominator to make a number of it.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.ranks import average_ranks, dense_ranks

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
        NaN where n < p + 2: no degree of freedom is left for the residuals.
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


def spearman(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Spearman's ρ, in [-1, 1]: Pearson's correlation of the ranks, ties at their mean rank.

    Values that are equal but for rounding tie.

    Returns:
        NaN where all values of a side tie, and where a value is not finite.
    """
    y, f = _pair(targets, predictions)
    if not _finite(y, f):
        return float("nan")
    return pearson(average_ranks(y), average_ranks(f))


def kendall(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Kendall's τ_b, in [-1, 1]: (concordant - discordant) / √(P_y · P_f).

    P is the number of pairs of networks that do not tie on that side; values that are equal but
    for rounding tie. The cost is n log n.

    Returns:
        NaN where all values of a side tie, and where a value is not finite.
    """
    y, f = _pair(targets, predictions)
    if not _finite(y, f):
        return float("nan")
    # Tables and pages read this module too, and compute no ranks.
    from scipy.stats import kendalltau

    if len(y) < 2:
        return float("nan")
    return float(kendalltau(dense_ranks(y), dense_ranks(f)).statistic)


class FTest(NamedTuple):
    """Univariate F test: the statistic, and the chance of one as large without a relation."""

    statistic: float
    p_value: float


def univariate_f(targets: npt.ArrayLike, feature: npt.ArrayLike) -> FTest:
    """F test of a linear relation with one feature: F = r² / (1 - r²) · (n - 2), r of Pearson.

    What Jiang et al. 2019 print for each feature (Tables 5, 7 and 8), by scikit-learn's
    `f_regression`.

    Returns:
        NaN twice where either side is constant and for fewer than three networks. Infinity and 0
        for an exact relation: one whose residual is no more than rounding.
    """
    y, x = _pair(targets, feature)
    if len(y) < 3 or is_constant(y) or is_constant(x):
        return FTest(float("nan"), float("nan"))
    along, unit = _direction(y), _direction(x)
    cosine = float(np.dot(along, unit))
    # 1 - r² would lose every digit where r is near 1.
    residual = along - cosine * unit
    unexplained = float(np.dot(residual, residual))
    if unexplained <= CONSTANT**2:
        return FTest(float("inf"), 0.0)
    statistic = cosine**2 / unexplained * (len(y) - 2)
    return FTest(statistic, f_p_value(statistic, len(y)))


def f_p_value(statistic: float, networks: int) -> float:
    """Chance of an F as large under no relation, with (1, n - 2) degrees of freedom.

    Returns:
        NaN for fewer than three networks.
    """
    # Tables and pages read this module too, and need no distributions.
    from scipy.special import fdtrc

    return float(fdtrc(1, networks - 2, statistic)) if networks > 2 else float("nan")


class SimpleFit(NamedTuple):
    """The line target = intercept + slope · feature of least squares, and how near it lies."""

    slope: float
    intercept: float
    r2: float
    rmse: float
    """√(SS_res / n), in units of the target."""


def simple_fit(targets: npt.ArrayLike, feature: npt.ArrayLike) -> SimpleFit:
    """Fit targets by one feature, as Liao et al. 2018 and its later version do in their plots.

    choice: RMSE divides by n, as elsewhere here; the papers do not say what they divide by.

    Returns:
        All NaN for a constant feature (and fewer than two networks). R² is NaN for constant
        targets.
    """
    y, x = _pair(targets, feature)
    if is_constant(x):
        return SimpleFit(*[float("nan")] * 4)
    spread = np.ptp(x)
    scaled = (x - x.mean()) / spread
    rise = float(np.dot(scaled, y - y.mean()) / np.dot(scaled, scaled))
    slope = rise / float(spread)
    fitted = y.mean() + rise * scaled
    intercept = float(y.mean() - slope * x.mean())
    return SimpleFit(slope, intercept, r2(y, fitted), math.sqrt(mse(y, fitted)))


def is_constant(values: Vector) -> bool:
    """Whether there are fewer than two values, or they are equal but for rounding."""
    return len(values) < 2 or bool(np.ptp(values) <= CONSTANT * np.abs(values).max())


def _direction(values: Vector) -> Vector:
    centred = values - values.mean()
    scaled: Vector = centred / np.abs(centred).max()
    return scaled / np.linalg.norm(scaled)


def _finite(y: Vector, f: Vector) -> bool:
    return bool(np.isfinite(y).all() and np.isfinite(f).all())


def _pair(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[Vector, Vector]:
    y, f = np.asarray(targets, np.float64), np.asarray(predictions, np.float64)
    if y.ndim != 1 or y.shape != f.shape:
        raise ValueError(f"targets {y.shape} and predictions {f.shape} are not equal vectors")
    return y, f
