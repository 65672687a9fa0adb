"""Sign errors over environments: the worst of them says where a predictor fails."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demogen.format.factors import Level
from leaderboard.scoring.cells import Cells, Pairs, cells
from leaderboard.scoring.factors import Factors, ranked
from leaderboard.scoring.ranks import Ranks

_FEW_LEVELS = 700
"""A table has all pairs of so many levels. Of more, the pairs of networks are few: see
`leaderboard.scoring.cells.MOST_ENVIRONMENTS`."""

LEAST_PAIRS = 12
"""Pairs an environment needs: the least effective number that the authors' released code asks."""


@dataclass(frozen=True)
class Environment:
    """Pairs of networks that differ in one factor alone, between the same two of its levels.

    Attributes:
        factor: the factor that differs.
        levels: its two levels.
        pairs: number of pairs of networks.
        error: mean sign error over them, in [0, 1].
    """

    factor: str
    levels: tuple[Level, Level]
    pairs: int
    error: float


@dataclass(frozen=True)
class SignErrors:
    """Sign errors of a predictor over environments, each environment counting alike.

    Attributes:
        environments: those with enough pairs, by factor and levels.
        too_few: those left out because they have too few pairs.
    """

    environments: tuple[Environment, ...]
    too_few: tuple[Environment, ...]

    @property
    def worst(self) -> Environment | None:
        """The environment of the supremum, the first of equals; None where there is none."""
        return max(self.environments, key=lambda each: each.error, default=None)

    @property
    def supremum(self) -> float:
        """The largest sign error; NaN without an environment."""
        return self.worst.error if self.worst else float("nan")

    @property
    def mean(self) -> float:
        """The mean sign error; NaN without an environment."""
        return float(np.mean(self._errors)) if self.environments else float("nan")

    def quantile(self, fraction: float) -> float:
        """The quantile of the errors, interpolated linearly; NaN without an environment."""
        return float(np.quantile(self._errors, fraction)) if self.environments else float("nan")

    @property
    def _errors(self) -> list[float]:
        return [environment.error for environment in self.environments]


def sign_errors(
    targets: npt.ArrayLike,
    predictions: npt.ArrayLike,
    factors: Factors,
    least_pairs: int = LEAST_PAIRS,
) -> SignErrors:
    """Sign errors over environments (Dziugaite et al. 2020, "In Search of Robust Measures").

    The sign error of a pair is (1 - sign(Δtarget) · sign(Δprediction)) / 2: 0 where the predictor
    orders the two networks rightly, 1 where wrongly, 1/2 where either side ties. A constant
    predictor has 1/2 everywhere, a reversed perfect one 1.

    choice: from memory of the definition and the authors' released code; the paper's text was not
    at hand. There an environment is a pair of configurations that differ in one factor, and its
    pairs are their copies crossed; zoos here have two or three copies, too few for a mean, so
    an environment holds all pairs of configurations between the same two levels. There pairs are
    also weighted by how surely their targets differ, given the number of test images; here every
    pair counts alike.

    The cost is linear in the pairs: some milliseconds for 756 networks and eight factors.

    Args:
        targets: shape (networks,), finite.
        predictions: shape (networks,), finite.
        factors: name → level of each network; copies of a configuration (equal levels of all)
            are crossed and not compared with each other.
        least_pairs: environments with fewer pairs are set apart.

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    ranks, others, encoded = ranked(targets, predictions, factors)
    environments: list[Environment] = []
    for of_factor in cells(encoded, len(ranks)):
        environments += _environments(of_factor, ranks, others)
    return SignErrors(
        tuple(each for each in environments if each.pairs >= least_pairs),
        tuple(each for each in environments if each.pairs < least_pairs),
    )


def _environments(cells: Cells, ranks: Ranks, others: Ranks) -> Iterator[Environment]:
    levels = len(cells.factor.levels)
    few = levels <= _FEW_LEVELS
    if few:
        keys = np.arange(levels**2)
    else:
        keys = np.unique(
            np.concatenate([np.empty(0, np.int64), *(key for _, key in _keyed(cells))])
        )
    counts = np.zeros((len(keys), 3), np.int64)
    ranks, others = ranks[cells.order], others[cells.order]
    for pairs, key in _keyed(cells):
        place = 3 * (key if few else np.searchsorted(keys, key))
        place += pairs.agreement(ranks, others) + 1
        counts += np.bincount(place, minlength=counts.size).reshape(-1, 3)
    sizes, errors = counts.sum(axis=1), counts @ (1, 0.5, 0)
    for number in np.flatnonzero(sizes).tolist():
        low, high = divmod(int(keys[number]), levels)
        yield Environment(
            cells.factor.name,
            (cells.factor.levels[low], cells.factor.levels[high]),
            int(sizes[number]),
            float(errors[number] / sizes[number]),
        )


def _keyed(cells: Cells) -> Iterator[tuple[Pairs, Ranks]]:
    """Pairs, and which two levels each is of."""
    levels, number = cells.levels, len(cells.factor.levels)
    for pairs in cells.blocks():
        yield pairs, pairs.of_first(number * levels) + levels[pairs.second]
