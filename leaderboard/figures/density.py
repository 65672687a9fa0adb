"""Densities of positive numbers."""

import numpy as np

from leaderboard.scoring.metrics import Vector


def positive_density(values: Vector, grid: Vector) -> Vector:
    """Gaussian kernel density of positive numbers, mirrored at zero so that none leaks below it.

    choice: the papers do not say how their densities are estimated. The kernels have Scott's width,
    n^(−1/5) standard deviations, taken from the numbers up to the upper quartile and three
    quartile distances (a heavy tail would blur the rest).

    Args:
        values: shape (n,), all positive, not all equal.
        grid: where to estimate it, all ≥ 0.

    Raises:
        ValueError: the numbers have no spread.
    """
    from scipy.stats import gaussian_kde

    q1, q3 = np.percentile(values, [25, 75])
    body = values[values <= q3 + 3 * (q3 - q1)]
    width = float(body.std()) * len(values) ** -0.2
    if not width > 0:
        raise ValueError("a density needs numbers that are not all equal")
    # A few thousand quantiles stand for many more numbers, which would take seconds a curve.
    kept = values if len(values) <= 4096 else np.quantile(values, (np.arange(4096) + 0.5) / 4096)
    # scipy takes the width in standard deviations of all numbers.
    kernels = gaussian_kde(kept, bw_method=width / kept.std(ddof=1))
    return np.asarray(kernels(grid) + kernels(-grid), np.float64)
