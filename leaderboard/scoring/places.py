"""Where a fold's predictions stand among those that its regressor makes for all networks.

Regressors of different folds follow the mean target of different networks: one that says the same
of all networks predicts most where the targets held out are least, and predictions of several folds
put in one order would seem to know that. A place among the predictions of the same regressor says
only what the signature says.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.metrics import Vector, is_constant
from leaderboard.scoring.ranks import ROUNDING


class Bounds(NamedTuple):
    """Least and greatest place of each prediction, shape (networks,)."""

    least: Vector
    greatest: Vector


def places(predictions: npt.ArrayLike, everywhere: npt.ArrayLike) -> Vector:
    """Ranks from 1 among all predictions; of the ranks that ties share, the nearest to the middle.

    So what a regressor says of most networks is in the middle, (all networks + 1) / 2, whichever
    way it places the few others, and where it places none. At their mean rank, all networks of a
    fold would move by half a rank with the side on which a single network lies, and the order of
    folds would be that side, which is chance.

    Args:
        predictions: of the networks of a fold, shape (networks,); each is among the others, too.
        everywhere: of the same regressor for all networks, shape (all networks,), finite.

    >>> places([0.5, 0.2], [0.2, 0.2, 0.2, 0.5]).tolist()
    [4.0, 2.5]
    """
    less, upto = _counts(predictions, everywhere, 0.0)
    nearest: Vector = np.clip((np.size(everywhere) + 1) / 2, less + 1.0, upto.astype(np.float64))
    return nearest


def place_bounds(
    predictions: npt.ArrayLike, everywhere: npt.ArrayLike, slack: npt.ArrayLike
) -> Bounds:
    """Places that predictions may have which are known up to a slack.

    Args:
        predictions: as of `places`.
        everywhere: as of `places`.
        slack: by how much a prediction may differ from what it is, shape (networks,) or one number.

    >>> place_bounds([0.2], [0.1, 0.2, 0.25], 0.1)
    Bounds(least=array([1.]), greatest=array([3.]))
    """
    less, upto = _counts(predictions, everywhere, slack)
    return Bounds((less + 1).astype(np.float64), upto.astype(np.float64))


def spread(everywhere: npt.ArrayLike) -> float:
    """Standard deviation of predictions; exactly 0 where all are equal but for rounding.

    >>> spread([1.0, 3.0]), spread([0.3, 0.1 + 0.2])
    (1.0, 0.0)
    """
    values = np.asarray(everywhere, np.float64)
    # Divided first: differences of a wild regressor's predictions may be no floats.
    largest = np.abs(values).max(initial=0.0)
    if not largest or is_constant(values / largest):
        return 0.0
    return float(largest * np.std(values / largest))


def _counts(
    predictions: npt.ArrayLike, everywhere: npt.ArrayLike, slack: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How many of all predictions are less, and how many are not greater."""
    values = np.asarray(predictions, np.float64)
    ordered = np.sort(np.asarray(everywhere, np.float64))
    size = np.maximum(np.abs(values), np.median(np.abs(ordered)) if len(ordered) else 0.0)
    near = np.asarray(slack, np.float64) + ROUNDING * size
    with np.errstate(over="ignore"):
        less = np.searchsorted(ordered, values - near, side="left")
        upto = np.searchsorted(ordered, values + near, side="right")
    return less, upto
