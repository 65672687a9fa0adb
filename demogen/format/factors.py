"""Factors of a table of networks and their levels: which network has which."""

import typing
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from demogen.schema.records import RESERVED, factor_types

if TYPE_CHECKING:
    import pandas as pd

Level = Hashable
"""What a network has of a factor: a number, a word, a tuple of words, or None."""

COPIES = frozenset({"copy_number", "seed"})
"""Factors that tell copies of one configuration apart, and are not what a network is."""

ZOO = "zoo"
"""Column of a pool that says which zoo a network lies in."""


class Coded(NamedTuple):
    """A factor of some networks: level of each as a number, and the levels that these stand for."""

    codes: NDArray[np.intp]
    levels: list[Any]


def factor_columns(table: "pd.DataFrame") -> list[str]:
    """The columns of a table that hold factors.

    Those of specs, in the order of `factor_types`, then what only the sources of imported networks
    name, sorted: any column that is no outcome.
    """
    own = [name for name in factor_types() if name in table.columns]
    return own + sorted(set(map(str, table.columns)) - set(own) - RESERVED)


def varying(table: "pd.DataFrame", factors: Sequence[str] | None = None) -> dict[str, Coded]:
    """Factors in which networks differ; of factors that divide the networks alike, the first.

    choice: where two factors divide the networks alike (the level of one tells that of the other),
    the first in the order of `factor_columns` stands for both; having no level is a level, too.

    Args:
        table: one row a network.
        factors: columns to look at, in this order, whatever they are called; None: those of
            `factor_columns` that are no number of a copy, and the zoo of a pool.
    """
    if factors is None:
        factors = [name for name in factor_columns(table) if name not in COPIES]
        factors = [ZOO, *factors] if ZOO in table.columns else factors
    by_division: dict[bytes, tuple[str, Coded]] = {}
    for factor in factors:
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
        Numbers in the order of the rows, shape (networks,), and the levels, as `code_levels` gives
        them.

    >>> import pandas as pd
    >>> codes, levels = coded(pd.DataFrame({"width": [64.0, 8.0, None, 64.0]}), "width")
    >>> codes.tolist(), levels
    ([2, 1, 0, 2], [None, 8.0, 64.0])
    """
    column = table[factor]
    missing = column.isna().tolist()
    levels = [None if gone else level for level, gone in zip(column.tolist(), missing, strict=True)]
    if typing.get_origin(factor_types().get(factor)) is tuple:
        # A source may call by the same name what it gives as text.
        levels = [_tuple(level) for level in levels]
    return code_levels(levels)


def code_levels(levels: Iterable[Level], *, none_first: bool = True) -> Coded:
    """Levels as numbers.

    Levels are equal where Python finds them equal (0 and 0.0 are). NaN is no level, as None is.

    Args:
        levels: of some networks.
        none_first: whether having no level, None or (), comes before all levels; else it comes
            between numbers and words.

    Returns:
        Numbers, shape (networks,), and the distinct levels as plain values in sorted order: numbers
        by size, then words by their text.

    >>> codes, levels = code_levels(["sgd", 0.5, float("nan"), 0.5], none_first=False)
    >>> codes.tolist(), levels
    ([2, 0, 1, 0], [0.5, None, 'sgd'])
    """
    given = list(levels)
    plain = {level: _plain(level) for level in dict.fromkeys(given)}
    distinct = sorted(dict.fromkeys(plain.values()), key=lambda level: _order(level, none_first))
    code = {level: number for number, level in enumerate(distinct)}
    codes = {level: code[of] for level, of in plain.items()}
    return Coded(np.array([codes[level] for level in given], np.intp), distinct)


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


def _tuple(level: Any) -> Any:
    """A list as a tuple of plain values; anything else as it is."""
    if isinstance(level, str) or not hasattr(level, "__len__"):
        return level
    return tuple(map(_plain, level))


def _plain(level: Any) -> Any:
    """A number of numpy's as Python has it, in tuples too, and None for NaN."""
    if isinstance(level, tuple):
        return tuple(map(_plain, level))
    level = level.item() if hasattr(level, "item") else level
    return level if level == level else None


def _order(level: Any, none_first: bool) -> tuple[int, Any]:
    if level in (None, ()):
        return (0 if none_first else 2), level_text(level)
    if isinstance(level, bool | int | float):
        return 1, level
    return 3, level_text(level)
