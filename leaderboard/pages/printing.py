"""Ranked tables and scores as a command prints or writes them."""

import json
from collections.abc import Sequence
from dataclasses import astuple

from demogen.format.printing import aligned, terminal_width
from leaderboard.pages.index import FIRST
from leaderboard.pages.tables import render_tables, title
from leaderboard.results.columns import COLUMNS, RANKED_BY, UNDEFINED
from leaderboard.results.ranking import RankedTable, ranked_tables
from leaderboard.results.result import Result


def printed(results: Sequence[Result], format: str) -> bytes:
    """The ranked tables of results in one of `demogen.format.printing.FORMATS`.

    Raises:
        ResultError: two results of one predictor and split.
    """
    tables = ranked_tables(results)
    if format == "text":
        return "\n".join(map(_text, tables)).encode()
    if format in ("json", "parquet"):
        return _data(tables, format)
    return render_tables(tables, format).encode()


def scores_json(results: Sequence[Result]) -> bytes:
    """Every statistic of results, an object each: whose it is, of what, and `scores`."""
    parts = ("predictor", "columns", "zoo", "zoo_digest", "split", "split_digest", "target")
    content = [
        {name: getattr(result, name) for name in parts}
        | {"networks": len(result.targets), "dropped": result.dropped}
        | {"scores": result.scores.model_dump(mode="json")}
        for result in results
    ]
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def _text(table: RankedTable) -> str:
    """The columns that the index page shows first, then the others of the Markdown table."""
    by_key = {column.key: column for column in COLUMNS}
    first = [table.ranked_by if key == RANKED_BY else key for key in FIRST]
    others = [column.key for column in COLUMNS if column.brief]
    columns = [
        column
        for column in map(by_key.__getitem__, dict.fromkeys([*first, *others]))
        if any(column.text(row) != UNDEFINED for row in table.rows)
    ]
    heads = [column.heading for column in columns]
    rows = [[column.text(row) for column in columns] for row in table.rows]
    right = [place for place, column in enumerate(columns) if column.numeric]
    width = terminal_width()
    return aligned([title(table)], [], [], width) + aligned(heads, rows, right, width)


def _data(tables: Sequence[RankedTable], format: str) -> bytes:
    import pandas as pd

    from demogen.format.printing import frame_bytes

    keys = [column.key for column in COLUMNS]
    rows = [
        {"zoo": table.zoo, "zoo_digest": table.zoo_digest, "target": table.target}
        | dict(zip(keys, astuple(row), strict=True))
        for table in tables
        for row in table.rows
    ]
    return frame_bytes(pd.DataFrame(rows).set_index("zoo"), format)
