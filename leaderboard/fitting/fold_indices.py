"""Where the networks of a split's folds stand among those measured."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    from demogen.format.splits import Fold

Positions = npt.NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class Division:
    """A fold by positions, ascending, in the sorted ids of the networks measured.

    Attributes:
        train: of the networks to fit.
        test: of the networks to predict.
        tested: ids of the latter.
    """

    train: Positions
    test: Positions
    tested: tuple[str, ...]


@final
@dataclass(frozen=True, eq=False)
class Divisions:
    """The folds of a split.

    Attributes:
        parts: one for each fold, F of them.
        fitted: how often each network is fitted in each fold, shape (F, networks).
        left_out: positions of the networks not fitted in each fold, shape (F, at most networks),
            filled up with the number of networks, which is the position of none.
    """

    parts: tuple[Division, ...]
    fitted: Vector
    left_out: Positions


# Many predictors are judged on one split, and looking ids up costs as much as fitting does.
@lru_cache(maxsize=16)
def divisions(folds: "tuple[Fold, ...]", ids: tuple[str, ...]) -> Divisions:
    """The folds without the networks that were not measured.

    Args:
        folds: of a split; each gives one division, which may be empty on either side.
        ids: of the networks measured, sorted.
    """
    place = {network: position for position, network in enumerate(ids)}
    parts = []
    for fold in folds:
        test = _positions(fold.test, place)
        tested = tuple(ids[position] for position in test)
        parts.append(Division(_positions(fold.train, place), test, tested))
    fitted = np.zeros((len(parts), len(ids)))
    for row, part in zip(fitted, parts, strict=True):
        np.add.at(row, part.train, 1.0)
    absent = fitted == 0
    left_out = np.full((len(parts), int(absent.sum(axis=1).max(initial=0))), len(ids), np.intp)
    for places, missing in zip(left_out, absent, strict=True):
        found = np.flatnonzero(missing)
        places[: len(found)] = found
    # Whoever asks for the same divisions shares these arrays.
    for places in (left_out, *(part.train for part in parts), *(part.test for part in parts)):
        places.flags.writeable = False
    fitted.flags.writeable = False
    return Divisions(tuple(parts), fitted, left_out)


def _positions(networks: Iterable[str], place: dict[str, int]) -> Positions:
    return np.array(sorted(place[i] for i in networks if i in place), np.intp)
