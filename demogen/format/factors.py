"""Factors of a table of networks and their levels: which network has which."""

import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from demogen.schema.records import factor_types

if TYPE_CHECKING:
    import pandas as pd

COPIES = frozenset({"copy_number", "seed"})
"""Factors that tell copies of one configuration apart, and are not what a network is."""

ZOO = "zoo"
"""Column of a pool that says which zoo a network lies in."""


class Coded(NamedTuple):
    """A factor of some networks: the number of each one's level, and the levels by their number."""

    codes: NDArray[np.intp]
    levels: list[Any]


def varying(table: "pd.DataFrame") -> dict[str, Coded]:
    """Factors in which networks differ; of factors that divide the networks alike, the first.

    choice: where two factors divide the networks alike (the level of one tells that of the other),
    the first in the order of `factor_types` stands for both; having no level is a level, too.

    Args:
        table: one row a network.
    """
    by_division: dict[bytes, tuple[str, Coded]] = {}
    for factor in (ZOO, *factor_types()):
        if factor in COPIES or factor not in table.columns:
            continue
        factor_coded = coded(table, factor)
        if len(factor_coded.levels) > 1:
            division = _division(factor_coded.codes.tolist())
            by_division.setdefault(division, (factor, factor_coded))
    return dict(by_division.values())


def coded(table: "pd.DataFrame", factor: str) -> Coded:
    """A factor's levels, numbered in sorted order, and the number of each network's level.

    Args:
        table: one row a network.
        factor: a column of it.

    Returns:
        Numbers in the order of the rows, shape (networks,), and the levels in sorted order as plain
        values: None (networks that have no such setting) and () first, then numbers, then words.

    >>> import pandas as pd
    >>> codes, levels = coded(pd.DataFrame({"width": [64.0, 8.0, None, 64.0]}), "width")
    >>> codes.tolist(), levels
    ([2, 1, 0, 2], [None, 8.0, 64.0])
    """
    import pandas as pd

    listed = typing.get_origin(factor_types().get(factor)) is tuple
    column = table[factor].map(_listed) if listed else table[factor]
    appearing, values = pd.factorize(column)
    levels = [*map(_plain, values), *([None] if (appearing < 0).any() else [])]
    order = sorted(range(len(levels)), key=lambda number: _order(levels[number]))
    # A network without a level is -1, which picks the last number: that of None.
    position = np.empty(len(levels), np.intp)
    position[order] = np.arange(len(levels))
    return Coded(position[appearing], [levels[number] for number in order])


def level_text(level: Any) -> str:
    """A level in words.

    >>> level_text(0.5), level_text(("crop", "flip")), level_text(None)
    ('0.5', 'crop + flip', 'none')
    """
    if level in (None, ()):
        return "none"
    if isinstance(level, tuple):
        return " + ".join(map(level_text, level))
    return f"{level:g}" if isinstance(level, float) else str(level)


def _division(codes: Sequence[int]) -> bytes:
    """Levels numbered as they first appear: the same for all codings that divide networks alike."""
    numbers: dict[int, int] = {}
    renumbered = [numbers.setdefault(code, len(numbers)) for code in codes]
    return np.array(renumbered, np.int64).tobytes()


def _listed(level: Any) -> Any:
    return tuple(level) if hasattr(level, "__len__") else level


def _plain(level: Any) -> Any:
    """A number of numpy's as Python has it."""
    return level.item() if hasattr(level, "item") else level


def _order(level: Any) -> tuple[bool, bool, Any]:
    number = isinstance(level, bool | int | float)
    return level not in (None, ()), not number, level if number else level_text(level)
