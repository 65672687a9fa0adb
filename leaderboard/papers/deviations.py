"""What a zoo has of a collection and what it changed, from the settings of its networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demogen.format.columns import LATER
from demogen.format.factors import coded
from demogen.schema.collections import Level

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Change:
    """A factor whose levels here are not those of the whole collection.

    Attributes:
        factor: column of a zoo's table.
        here: levels of the networks at hand, those of the collection first and in its order.
        in_full: levels of the collection.
    """

    factor: str
    here: tuple[Level, ...]
    in_full: tuple[Level, ...]

    def __str__(self) -> str:
        return f"{self.factor}: {_listed(self.here)} (in full: {_listed(self.in_full)})"


def changes(table: "pd.DataFrame", in_full: Mapping[str, tuple[Level, ...]]) -> list[Change]:
    """Where networks differ from their collection: levels left out, and settings of their own.

    Args:
        table: one row a network, a column a factor.
        in_full: factor → levels of the whole collection.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"width": [8, 8], "epochs": [3, 3], "l2": [0.0, 0.1]})
    >>> for change in changes(table, {"width": (8, 64), "epochs": (380,), "l2": (0.1, 0.0)}):
    ...     print(change)
    width: 8 (in full: 8, 64)
    epochs: 3 (in full: 380)
    """
    changed = []
    for factor, levels in in_full.items():
        if factor in LATER and factor not in table.columns:
            continue  # No network departs from the default, which collections leave as it is.
        here = coded(table, factor)[1]
        if set(here) != set(levels):
            known = [level for level in levels if level in here]
            added = [level for level in here if level not in levels]
            changed.append(Change(factor, (*known, *added), levels))
    return changed


def _listed(levels: tuple[Level, ...]) -> str:
    return ", ".join(map(_text, levels))


def _text(level: Level) -> str:
    if level is None:
        return "not set"
    if isinstance(level, bool):
        return "yes" if level else "no"
    if isinstance(level, tuple):
        return "+".join(map(_text, level)) or "none"
    return f"{level:g}" if isinstance(level, float) else str(level)
