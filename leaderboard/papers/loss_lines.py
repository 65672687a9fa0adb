"""The line through test against training cross-entropy of normalized networks, from a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.scoring.metrics import SimpleFit, adjusted_r2, simple_fit

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 3
"""The fewest networks that a line is fitted to: through any two there is one."""


@dataclass(frozen=True)
class LossLine:
    """Test = intercept + slope · training cross-entropy of f̃, nats.

    Attributes:
        fit: slope, intercept, R² and RMSE.
        adjusted_r2: of the fit.
        networks: that it is fitted to.
    """

    fit: SimpleFit
    adjusted_r2: float
    networks: int


def loss_line(table: "pd.DataFrame", *, random_labels: bool) -> LossLine | None:
    """Fit the line of Liao et al. 2018 (figures 5, 6, 10 and 11) and of its later version.

    A network trained on random labels is held against random test labels (figures 10 and 11).

    Args:
        table: one row a network, as of a zoo; networks without a normalized loss are left out.
        random_labels: whether networks trained on random labels alone are among those fitted.

    Returns:
        None for fewer networks than `FEWEST`, and where one on random labels is asked for and
        there is none.
    """
    names = [f"{part}_normalized_cross_entropy" for part in ("train", "test", "corrupted_test")]
    train, true_test, random_test = (table[name].to_numpy(np.float64) for name in names)
    random = (table["corruption"] == 1).to_numpy()
    test = np.where(random, random_test, true_test)
    kept = np.isfinite(train) & np.isfinite(test)
    if random_labels and not (kept & random).any():
        return None
    kept &= random_labels | ~random
    networks = int(kept.sum())
    if networks < FEWEST:
        return None
    fit = simple_fit(test[kept], train[kept])
    return LossLine(fit, adjusted_r2(fit.r2, networks, 1), networks)
