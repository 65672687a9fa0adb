"""Granulated rank agreement: does a predictor follow each factor when that factor alone moves?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.cells import cells
from leaderboard.scoring.factors import Factors, ranked


@dataclass(frozen=True)
class Granulated:
    """Granulated Kendall coefficients.

    Attributes:
        mean: by pairs: the mean of the defined coefficients, each factor counting alike; NaN where
            none is.
        by_factor: factor → mean over the pairs that differ in it alone, in [-1, 1]; NaN for a
            factor without a pair.
        pairs: factor → number of pairs that differ in it alone.
        mean_of_cells: Ψ of the paper, the mean of the defined ψ; NaN where none is.
        by_factor_of_cells: factor → ψ of the paper, the mean over cells.
    """

    mean: float
    by_factor: dict[str, float]
    pairs: dict[str, int]
    mean_of_cells: float
    by_factor_of_cells: dict[str, float]


def granulated_kendall(
    targets: npt.ArrayLike, predictions: npt.ArrayLike, factors: Factors
) -> Granulated:
    """Granulated Kendall coefficients (Jiang et al. 2020, "Fantastic Generalization Measures").

    A cell is a setting of all factors but one. In the paper ψ of that factor is the mean over cells
    of Kendall's coefficient of the networks in the cell, the mean of sign(Δtarget) ·
    sign(Δprediction) over their pairs, and Ψ is the mean of ψ over factors: `mean_of_cells`. By
    pairs (`mean`) every pair counts alike, which is the same on a full grid and does not let cells
    with few networks left weigh as much as others. A tie on either side counts 0 in both.

    choice: from memory of the definition and of released code that computes it; the paper's text
    was not at hand. Copies of a configuration share all levels, and are no pair. That code (read in
    nitarshan/robust-generalization-measures at 8e90129) takes τ_b within a cell and drops cells
    where one side is constant; where nothing ties the two agree.

    The cost is linear in the pairs: some milliseconds for 756 networks and eight factors.

    Args:
        targets: shape (networks,), finite.
        predictions: shape (networks,), finite.
        factors: name → level of each network; copies of a configuration (equal levels of all)
            are crossed and not compared with each other.

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    ranks, others, encoded = ranked(targets, predictions, factors)
    by_factor, of_cells, pairs = {}, {}, {}
    for of_factor in cells(encoded, len(ranks)):
        name, cell = of_factor.factor.name, of_factor.cell
        of_targets, of_predictions = ranks[of_factor.order], others[of_factor.order]
        of_networks = np.zeros((2, len(ranks)), np.int64)
        for some in of_factor.blocks():
            agreement = some.agreement(of_targets, of_predictions)
            upto = np.cumsum(some.times)
            right = np.append(0, np.cumsum(agreement, dtype=np.int64))
            of_networks[:, some.networks] = some.times, right[upto] - right[upto - some.times]
        sizes, sums = (np.bincount(cell, of) for of in of_networks)
        pairs[name] = int(sizes.sum())
        by_factor[name] = float(sums.sum() / sizes.sum()) if pairs[name] else float("nan")
        of_cells[name] = _mean(sums[sizes > 0] / sizes[sizes > 0])
    return Granulated(_mean_of(by_factor), by_factor, pairs, _mean_of(of_cells), of_cells)


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _mean_of(by_factor: dict[str, float]) -> float:
    return _mean(np.array([value for value in by_factor.values() if not np.isnan(value)]))
