"""The ranked table as Markdown, HTML, CSV or LaTeX; names come from anybody and are for_tex."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from functools import cache
from typing import TYPE_CHECKING, Any

from demogen._util.lookup import lookup
from demogen._util.text import for_markdown, for_tex, visible
from demogen.errors import ResultError
from demogen.format.markdown import table_of
from leaderboard.pages.text_tables import csv_table, latex_row, latex_table
from leaderboard.results.best_by_chance import selection_in_words, with_chances
from leaderboard.results.chances import BestByChance
from leaderboard.results.columns import CLAIMED, COLUMNS, MARK, UNDEFINED, Column, Row
from leaderboard.results.ranking import RankedTable, ranked_tables
from leaderboard.results.result import Result

if TYPE_CHECKING:
    import jinja2

ARROWS = {"up": " \u2191", "down": " \u2193", None: ""}


def render(
    results: Sequence[Result], format: str = "markdown", chances: Sequence[BestByChance] = ()
) -> str:
    """The ranked table of results as text, one table for each zoo and target.

    Args:
        results: of any predictors and splits; those of one predictor make one row.
        format: "markdown", "html" (a fragment), "csv" (unrounded) or "latex" (with booktabs; the
            layout of Jiang et al. 2019, Table 1: one table a target, three columns a zoo).
        chances: what the best of the predictors has by chance (see `read_chances`).

    Raises:
        ResultError: unknown format, or two results of the same predictor and split.
    """
    return render_tables(with_chances(ranked_tables(results), chances), format)


def render_tables(tables: Sequence[RankedTable], format: str) -> str:
    """See `render`, which makes the tables."""
    return lookup(format, FORMATS, "format", ResultError)(tables)


@cache
def environment() -> "jinja2.Environment":
    """Where templates come from; everything put into them is for_tex."""
    import jinja2

    # Said outright: by default jinja2 escapes nothing.
    return jinja2.Environment(
        loader=jinja2.PackageLoader("leaderboard.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _visible(value: Any) -> Any:
    """What is put into a template, before it is escaped; markup is ours."""
    return visible(value) if type(value) is str else value


def title(table: RankedTable) -> str:
    """What the table is of, on one line."""
    ranking = f"ranked by pooled R² on {table.ranking}" if table.ranking else "not ranked"
    if table.held_out:
        ranking = f"ranked by R² on a zoo held out (sha256 {table.held_out[:12]})"
    return f"{table.target} on {table.zoo} (sha256 {table.zoo_digest[:12]}), {ranking}"


def _markdown(tables: Sequence[RankedTable]) -> str:
    return "\n".join(map(_markdown_table, tables))


def _markdown_table(table: RankedTable) -> str:
    columns = [column for column in COLUMNS if column.brief or column.key == table.ranked_by]
    heads = [column.heading + ARROWS[column.direction] for column in columns]
    rows = ([for_markdown(column.text(row)) for column in columns] for row in table.rows)
    right = [place for place, column in enumerate(columns) if column.numeric]
    text = f"**{for_markdown(title(table))}**\n\n{table_of(heads, rows, right)}\n"
    dashes = {
        column.heading: why
        for column in columns
        for row in table.rows
        if (why := column.why_undefined(row))
    }
    notes = [f"{for_markdown(heading)}: {for_markdown(why)}" for heading, why in dashes.items()]
    text += f"\n{UNDEFINED} is not defined. {'. '.join(notes)}.\n" if notes else ""
    return text + "".join(f"\n{note}\n" for note in _warnings(table))


def _warnings(table: RankedTable) -> Iterator[str]:
    """What a reader of the rows must know."""
    if len(table.rows) > 1:
        yield selection_in_words(table)
    if any(row.missing for row in table.rows):
        yield (
            "Where a network is missing, the mean target outside of its fold stands in for the "
            "prediction in R² of all, which ranks."
        )
    if any(row.claimed for row in table.rows):
        yield "What is claimed nobody checked: it is the word of whoever submitted it."


def _html(tables: Sequence[RankedTable]) -> str:
    template = environment().get_template("table.html")
    return "\n".join(
        template.render(
            table=table,
            columns=COLUMNS,
            arrows=ARROWS,
            title=title(table),
            tried=selection_in_words(table),
        )
        for table in tables
    )


def _csv(tables: Sequence[RankedTable]) -> str:
    return csv_table(
        ["zoo", "zoo_digest", "target", *(column.key for column in COLUMNS)],
        [
            [table.zoo, table.zoo_digest, table.target, *astuple(row)]
            for table in tables
            for row in table.rows
        ],
    )


TABLE_1 = ("fit_adjusted_r2", "r2_fold_mean", "rmse_points")
"""What Table 1 of Jiang et al. 2019 prints of each collection. Its last column is called mean
squared error, but behaves like the root, in percentage points. The paper's is of the fit, and the
column here out of fold."""


def _latex(tables: Sequence[RankedTable]) -> str:
    targets = dict.fromkeys(table.target for table in tables)
    return "\n".join(
        _latex_table([table for table in tables if table.target == target]) for target in targets
    )


def _latex_table(tables: Sequence[RankedTable]) -> str:
    """One row a predictor, in the first zoo's order of rank, and three columns a zoo."""
    columns = [column for key in TABLE_1 for column in COLUMNS if column.key == key]
    rows_of_zoos = [{row.predictor: row for row in table.rows} for table in tables]
    predictors = dict.fromkeys(name for rows in rows_of_zoos for name in rows)
    claimed = {row.predictor for table in tables for row in table.rows if row.checked == CLAIMED}
    mark = {name: MARK if name in claimed else "" for name in predictors}
    wide = len(columns)
    zoos = [rf"\multicolumn{{{wide}}}{{c}}{{{for_tex(table.zoo)}}}" for table in tables]
    rules = [rf"\cmidrule(lr){{{2 + wide * n}-{1 + wide * (n + 1)}}}" for n in range(len(tables))]
    headings = [for_tex(column.heading) for column in columns] * len(tables)
    return latex_table(
        "l" + "r" * wide * len(tables),
        [latex_row(["", *zoos]), " ".join(rules), latex_row(["Predictor", *headings])],
        [
            [
                name + mark[name],
                *(_cell(column, rows.get(name)) for rows in rows_of_zoos for column in columns),
            ]
            for name in predictors
        ],
        map(title, tables),
    )


def _cell(column: Column, row: Row | None) -> str:
    return UNDEFINED if row is None else column.text(row)


FORMATS: dict[str, Callable[[Sequence[RankedTable]], str]] = {
    "csv": _csv,
    "html": _html,
    "latex": _latex,
    "markdown": _markdown,
}
