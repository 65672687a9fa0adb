"""The ranked table as Markdown, HTML, CSV or LaTeX; names come from anybody and are escaped."""

import csv
import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import cache
from typing import TYPE_CHECKING

from demogen._util.lookup import lookup
from demogen.errors import ResultError
from leaderboard.results.ranking import COLUMNS, UNDEFINED, Column, RankedTable, Row, ranked_tables
from leaderboard.results.result import Result

if TYPE_CHECKING:
    import jinja2

ARROWS = {"up": " \u2191", "down": " \u2193", None: ""}


def render(results: Sequence[Result], format: str = "markdown") -> str:
    """The ranked table of results as text, one table for each zoo and target.

    Args:
        results: of any predictors and splits; those of one predictor make one row.
        format: "markdown", "html" (a fragment), "csv" (unrounded) or "latex" (with booktabs; the
            layout of Jiang et al. 2019, Table 1: one table a target, three columns a zoo).

    Raises:
        ResultError: unknown format, or two results of the same predictor and split.
    """
    write = lookup(format, FORMATS, "format", ResultError)
    return write(ranked_tables(results))


@cache
def environment() -> "jinja2.Environment":
    """Where templates come from; everything put into them is escaped."""
    import jinja2

    # Said outright: by default jinja2 escapes nothing.
    return jinja2.Environment(
        loader=jinja2.PackageLoader("leaderboard.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def title(table: RankedTable) -> str:
    """What the table is of, on one line."""
    ranking = f"ranked by pooled R² on {table.ranking}" if table.ranking else "not ranked"
    return f"{table.target} on {table.zoo} (sha256 {table.zoo_digest[:12]}), {ranking}"


def _markdown(found: Sequence[RankedTable]) -> str:
    return "\n".join(_markdown_table(table) for table in found)


def _markdown_table(table: RankedTable) -> str:
    columns = [column for column in COLUMNS if column.brief]
    headings = [column.heading + ARROWS[column.direction] for column in columns]
    rules = ["---:" if column.numeric else "---" for column in columns]
    rows = [[_markdown_text(column.text(row)) for column in columns] for row in table.rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in (headings, rules, *rows)]
    return "\n".join([f"**{_markdown_text(title(table))}**", "", *lines, ""])


def _markdown_text(text: str) -> str:
    r"""Text that stays text: no markup of Markdown or HTML, no end of the cell.

    >>> print(_markdown_text("a|b [c](d) <i>"))
    a\|b \[c\](d) &lt;i&gt;
    """
    escaped = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*\[\]|])", r"\\\1", escaped)


def _html(found: Sequence[RankedTable]) -> str:
    template = environment().get_template("table.html")
    return "\n".join(
        template.render(table=table, columns=COLUMNS, arrows=ARROWS, title=title(table))
        for table in found
    )


def _csv(found: Sequence[RankedTable]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["zoo", "zoo_digest", "target", *(column.key for column in COLUMNS)])
    for table in found:
        for row in table.rows:
            writer.writerow([table.zoo, table.zoo_digest, table.target, *astuple(row)])
    return text.getvalue()


TABLE_1 = ("fit_adjusted_r2", "r2_fold_mean", "rmse_points")
"""What Table 1 of Jiang et al. 2019 prints of each collection. Its last column is called mean
squared error, but behaves like the root, in percentage points. The paper's is of the fit, and the
column here out of fold."""


def _latex(found: Sequence[RankedTable]) -> str:
    targets = dict.fromkeys(table.target for table in found)
    return "\n".join(
        _latex_table([table for table in found if table.target == target]) for target in targets
    )


def _latex_table(found: Sequence[RankedTable]) -> str:
    """One row a predictor, in the first zoo's order of rank, and three columns a zoo."""
    columns = [column for key in TABLE_1 for column in COLUMNS if column.key == key]
    rows_of = [{row.predictor: row for row in table.rows} for table in found]
    predictors = dict.fromkeys(name for rows in rows_of for name in rows)
    wide = len(columns)
    zoos = [rf"\multicolumn{{{wide}}}{{c}}{{{latex_text(table.zoo)}}}" for table in found]
    rules = [rf"\cmidrule(lr){{{2 + wide * n}-{1 + wide * (n + 1)}}}" for n in range(len(found))]
    headings = [latex_text(column.heading) for column in columns] * len(found)
    body = [
        [
            latex_text(name),
            *(_cell(column, rows.get(name)) for rows in rows_of for column in columns),
        ]
        for name in predictors
    ]
    head, names, *lines = (
        " & ".join(cells) + r" \\" for cells in (["", *zoos], ["Predictor", *headings], *body)
    )
    return "\n".join(
        [
            *(f"% {' '.join(title(table).split())}" for table in found),
            rf"\begin{{tabular}}{{l{'r' * wide * len(found)}}}",
            r"\toprule",
            head,
            " ".join(rules),
            names,
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _cell(column: Column, row: Row | None) -> str:
    return latex_text(UNDEFINED if row is None else column.text(row))


_LATEX = {
    **{character: "\\" + character for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
    "\u2013": "--",
}


def latex_text(text: str) -> str:
    r"""Text without commands.

    >>> print(latex_text("R² of a_b"))
    R$^2$ of a\_b
    """
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


FORMATS: dict[str, Callable[[Sequence[RankedTable]], str]] = {
    "csv": _csv,
    "html": _html,
    "latex": _latex,
    "markdown": _markdown,
}
