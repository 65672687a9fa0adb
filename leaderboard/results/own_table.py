"""A table of one's own, checked: ids, targets, factors, configurations and measures of networks."""

import math
import numbers
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, final

from demogen._util.limits import RESULT_FACTORS, RESULT_NETWORKS
from demogen._util.lookup import lookup
from demogen.errors import TableError
from demogen.format.factors import code_levels
from demogen.schema.records import canonical_json, sha256

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 3
"""Networks that a table needs: with two, one is left to fit a line to."""

SHOWN = 3
"""Ids that a message names, at most."""


@final
@dataclass(frozen=True)
class OwnTable:
    """What is taken of a table. Columns are called as there, whatever they are called.

    Attributes:
        name: of the table.
        ids: of the networks, in the order of its rows.
        target: name of the column that is predicted.
        targets: one for each network, finite.
        factors: the columns of factors, index `ids`; a level is a number, a word or None.
        configurations: of each network; copies have the same.
        measures: column → a value for each network; NaN where there is none.
    """

    name: str
    ids: list[str]
    target: str
    targets: list[float]
    factors: "pd.DataFrame"
    configurations: list[str]
    measures: Mapping[str, list[float]]

    @property
    def factor_names(self) -> list[str]:
        """Names of the factors, in the order given."""
        return list(map(str, self.factors.columns))

    @property
    def digest(self) -> str:
        """Hex sha256 over all but the measures: what results of several measures share."""
        levels = {name: self.factors[name].tolist() for name in sorted(self.factor_names)}
        rows = zip(self.ids, self.targets, self.configurations, *levels.values(), strict=True)
        content = {"target": self.target, "factors": list(levels), "rows": sorted(map(list, rows))}
        return sha256(canonical_json(content).encode())


def read_frame(
    frame: "pd.DataFrame",
    *,
    id: str | None,
    target: str,
    factors: Sequence[str],
    configuration: Sequence[str] | None,
    measures: Sequence[str],
    name: str,
) -> OwnTable:
    """What is asked for of a table, checked.

    Args:
        frame: one row a network.
        id: column, or name of the index, that tells networks apart; None: "id" where there is such
            a one, else rows are numbered.
        target: column of what is predicted.
        factors: columns of settings.
        configuration: columns in which copies agree; None: the factors, or without factors none.
        measures: columns of measures.
        name: of the table.

    Raises:
        TableError: it is no DataFrame; a column is missing (near names are offered) or there twice;
            fewer than three networks, or more than a result holds; ids that are missing or not
            unique; a target that is missing or no number; a measure that is text; a level that is
            infinite.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TableError(f"{name} is a {type(frame).__name__}; give a pandas.DataFrame")
    wanted = "id" if id is None else id
    if wanted not in map(str, frame.columns) and str(frame.index.name) == wanted:
        frame = frame.reset_index()
    columns = _Columns(frame, name)
    if len(frame) > RESULT_NETWORKS:
        raise TableError(f"{name} has {len(frame)} rows; scores are of {RESULT_NETWORKS} at most")
    if len(factors) > RESULT_FACTORS:
        raise TableError(f"{name}: {RESULT_FACTORS} factors are scored at most")
    if len(frame) < FEWEST:
        raise TableError(f"{name} has {len(frame)} networks; scores need {FEWEST} or more")
    if id is None and "id" not in columns:
        ids = [f"row {row:0{len(str(len(frame)))}}" for row in range(1, len(frame) + 1)]
    else:
        ids = _ids(columns[wanted], wanted, name)
    targets = _numbers(columns[target], f"target {target!r}", ids, name)
    without = [network for network, x in zip(ids, targets, strict=True) if not math.isfinite(x)]
    if without:
        raise TableError(
            f"{name}: {len(without)} of {len(ids)} networks have no finite {target!r} "
            f"({_some(without)}); leave these rows out"
        )
    levels = {factor: _levels(columns[factor], factor, ids, name) for factor in factors}
    alike = levels
    if configuration is not None:
        alike = {column: _levels(columns[column], column, ids, name) for column in configuration}
    return OwnTable(
        name=name,
        ids=ids,
        target=target,
        targets=targets,
        factors=pd.DataFrame(levels, index=pd.Index(ids), dtype=object),
        configurations=_configurations(ids, list(alike.values())),
        measures={
            measure: _numbers(columns[measure], f"measure {measure!r}", ids, name)
            for measure in measures
        },
    )


class _Columns:
    """Columns of a table by name, looked up when they are asked for."""

    def __init__(self, frame: "pd.DataFrame", table: str) -> None:
        self._frame, self._table = frame, table
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(map(str, frame.columns)):
            self._places.setdefault(name, []).append(place)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> "pd.Series[Any]":
        places = lookup(name, self._places, f"column of {self._table}", TableError)
        if len(places) > 1:
            raise TableError(f"{self._table}: two columns are called {name!r}; rename one")
        return self._frame.iloc[:, places[0]]


def _ids(column: "pd.Series[Any]", id: str, table: str) -> list[str]:
    if column.isna().any():
        raise TableError(f"{table}: a row has no {id!r}; every network needs an id")
    ids = list(map(str, column))
    if twice := sorted(network for network, count in Counter(ids).items() if count > 1):
        raise TableError(
            f"{table}: {id!r} does not tell networks apart ({_some(twice)} more than once); give "
            "each row an id of its own, or name another column"
        )
    return ids


def _numbers(column: "pd.Series[Any]", what: str, ids: Sequence[str], table: str) -> list[float]:
    """Values as floats; NaN where there is none."""
    values = []
    missing = column.isna().tolist()
    for network, value, gone in zip(ids, column.tolist(), missing, strict=True):
        number = math.nan if gone else _number(value)
        if number is None:
            network, value = _first_that_is_none(ids, column.tolist()) or (network, value)
            raise TableError(f"{table}: {what} of {network} is {value!r}, and must be a number")
        values.append(number)
    return values


def _first_that_is_none(ids: Sequence[str], values: Sequence[Any]) -> tuple[str, str] | None:
    """The first text that does not even read as a number: for it the whole column is texts."""
    for network, value in zip(ids, values, strict=True):
        if isinstance(value, str):
            try:
                float(value)
            except ValueError:
                return network, value
    return None


def _number(value: Any) -> float | None:
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, numbers.Real | Decimal):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _levels(column: "pd.Series[Any]", factor: str, ids: Sequence[str], table: str) -> list[Any]:
    """Levels as results hold them: numbers, words, None."""
    levels = []
    missing = column.isna().tolist()
    for network, value, gone in zip(ids, column.tolist(), missing, strict=True):
        level = None if gone else _level(value)
        if isinstance(level, float) and math.isinf(level):
            raise TableError(
                f"{table}: factor {factor!r} of {network} is {level}; write a word for it"
            )
        levels.append(level)
    return levels


def _level(value: Any) -> bool | int | float | str:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer():
        # Whole numbers become floats where one is missing in their column.
        return int(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def _configurations(ids: Sequence[str], columns: Sequence[Sequence[Any]]) -> list[str]:
    """Names shared by networks whose levels agree; each its own where there are no columns."""
    if not columns:
        return list(ids)
    coded = [code_levels(column) for column in columns]
    rows = zip(*(of.codes.tolist() for of in coded), strict=True)
    return [
        canonical_json([of.levels[code] for of, code in zip(coded, row, strict=True)])
        for row in rows
    ]


def _some(networks: Sequence[str]) -> str:
    more = f" and {len(networks) - SHOWN} more" if len(networks) > SHOWN else ""
    return ", ".join(networks[:SHOWN]) + more
