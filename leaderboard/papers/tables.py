"""Paper against ours as text, Markdown, CSV, JSON or LaTeX."""

import json
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from demogen._util.lookup import lookup
from demogen._util.text import for_markdown, for_tex, one_line
from demogen.errors import ResultError
from demogen.format.markdown import table_of
from demogen.format.printing import aligned, terminal_width
from leaderboard.pages.text_tables import csv_table, latex_row, latex_table
from leaderboard.papers.comparison import ComparedNumber, Comparison
from leaderboard.results.columns import UNDEFINED

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = ("Where", "Printed as", "Paper", "Ours", "Networks of ours", "Remark")

FIELDS = (
    "paper",
    "collection",
    "place",
    "row",
    "statistic",
    "printed",
    "ours",
    "zoo",
    "networks",
    "networks_in_full",
    "cut_down",
    "remark",
)
"""Columns of the CSV. `networks` are those that our value is over."""


def render_comparison(comparisons: Sequence[Comparison], format: str = "markdown") -> str:
    """Printed numbers beside ours as text.

    Args:
        comparisons: of any papers.
        format: "text", "markdown" or "latex" (one table for each collection and zoo, what was cut
            down above it; text as wide as the terminal, LaTeX with booktabs), or "csv" or "json"
            (one row for each number, unrounded).

    Raises:
        ResultError: unknown format.
    """
    return lookup(format, FORMATS, "format", ResultError)(comparisons)


def _markdown(comparisons: Sequence[Comparison]) -> str:
    return "\n".join(map(_markdown_part, comparisons))


def _markdown_part(comparison: Comparison) -> str:
    changed = [f"- {for_markdown(change)}" for change in comparison.cut_down]
    parts = [
        f"**{for_markdown(_title(comparison))}**",
        for_markdown(_summary(comparison)),
        "\n".join(changed),
    ]
    if comparison.numbers:
        rows = ([for_markdown(text) for text in _cells(number)] for number in comparison.numbers)
        parts.append(table_of(HEADINGS, rows))
    return "\n\n".join(filter(None, parts)) + "\n"


def _text(comparisons: Sequence[Comparison]) -> str:
    return "\n".join(map(_text_part, comparisons))


def _text_part(comparison: Comparison) -> str:
    width = terminal_width()
    lines = [_title(comparison), _summary(comparison), *(f"- {c}" for c in comparison.cut_down)]
    above = "".join(
        f"{part}\n" for line in lines for part in textwrap.wrap(one_line(line), max(width, 20))
    )
    if not comparison.numbers:
        return above
    return above + aligned(HEADINGS, map(_cells, comparison.numbers), (2, 3, 4), width)


def _title(comparison: Comparison) -> str:
    return f"{comparison.paper}: {comparison.collection}"


def _summary(comparison: Comparison) -> str:
    """What zoo it is, how much of the collection, and what comes next."""
    whole = comparison.networks_in_full
    networks = f"{whole} networks in full" if whole else "size not known"
    if not comparison.zoo:
        return f"No zoo at hand; {networks}."
    parts = [f"Zoo {comparison.zoo}: {comparison.networks} networks; {networks}."]
    if not comparison.numbers:
        parts.append("The paper prints no number of it.")
    parts.append("Cut down:" if comparison.cut_down else "No setting differs.")
    return " ".join(parts)


def _cells(number: ComparedNumber) -> tuple[str, ...]:
    return (
        number.place or number.row,
        number.heading,
        f"{number.printed:g}",
        UNDEFINED if number.ours is None else f"{number.ours:.4g}",
        UNDEFINED if number.networks is None else str(number.networks),
        number.remark,
    )


def _csv(comparisons: Sequence[Comparison]) -> str:
    return csv_table(
        FIELDS,
        [
            [_fields(comparison, number)[name] for name in FIELDS]
            for comparison in comparisons
            for number in comparison.numbers
        ],
    )


def _json(comparisons: Sequence[Comparison]) -> str:
    rows = [
        {name: _fields(comparison, number)[name] for name in FIELDS}
        for comparison in comparisons
        for number in comparison.numbers
    ]
    return json.dumps(rows, indent=1, allow_nan=False) + "\n"


def _fields(comparison: Comparison, number: ComparedNumber) -> dict[str, object]:
    return {**vars(comparison), **vars(number), "cut_down": "; ".join(comparison.cut_down)}


def comparison_table(comparisons: Sequence[Comparison]) -> "pd.DataFrame":
    """A row for each number, unrounded."""
    import pandas as pd

    rows = [
        {name: _fields(comparison, number)[name] for name in FIELDS}
        for comparison in comparisons
        for number in comparison.numbers
    ]
    return pd.DataFrame(rows, columns=FIELDS).set_index("paper")


def _latex(comparisons: Sequence[Comparison]) -> str:
    return "\n".join(map(_latex_table, (each for each in comparisons if each.numbers)))


def _latex_table(comparison: Comparison) -> str:
    return latex_table(
        "llrrrl",
        [latex_row(map(for_tex, HEADINGS))],
        map(_cells, comparison.numbers),
        [_title(comparison), _summary(comparison), *comparison.cut_down],
    )


FORMATS: dict[str, Callable[[Sequence[Comparison]], str]] = {
    "csv": _csv,
    "json": _json,
    "latex": _latex,
    "markdown": _markdown,
    "text": _text,
}
