"""The ranked table as Markdown, HTML, CSV or LaTeX; names come from anybody and are escaped."""

import csv
import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import cache
from typing import TYPE_CHECKING

from demogen.errors import SubmissionError
from demogen.names import choose
from leaderboard.results import Result
from leaderboard.tables import COLUMNS, Board, boards

if TYPE_CHECKING:
    import jinja2

ARROWS = {"up": " \u2191", "down": " \u2193", None: ""}


def render(results: Sequence[Result], format: str = "markdown") -> str:
    """The ranked table of results as text, one table for each zoo and target.

    Args:
        results: of any predictors and splits; those of one predictor make one row.
        format: "markdown", "html" (a fragment), "csv" (unrounded) or "latex" (with booktabs).

    Raises:
        SubmissionError: unknown format, or two results of the same predictor and split.
    """
    write = choose(format, FORMATS, "format", SubmissionError)
    return write(boards(results))


@cache
def environment() -> "jinja2.Environment":
    """Where templates come from; everything put into them is escaped."""
    import jinja2

    # Said outright: by default jinja2 escapes nothing.
    return jinja2.Environment(
        loader=jinja2.PackageLoader("leaderboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def title(board: Board) -> str:
    """What the table is of, on one line."""
    ranking = f"ranked by pooled R² on {board.ranking}" if board.ranking else "not ranked"
    return f"{board.target} on {board.zoo} (sha256 {board.zoo_digest[:12]}), {ranking}"


def _markdown(found: Sequence[Board]) -> str:
    return "\n".join(_markdown_board(board) for board in found)


def _markdown_board(board: Board) -> str:
    headings = [column.heading + ARROWS[column.direction] for column in COLUMNS]
    rules = ["---:" if column.numeric else "---" for column in COLUMNS]
    rows = [[_markdown_text(column.text(row)) for column in COLUMNS] for row in board.rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in (headings, rules, *rows)]
    return "\n".join([f"**{_markdown_text(title(board))}**", "", *lines, ""])


def _markdown_text(text: str) -> str:
    r"""Text that stays text: no markup of Markdown or HTML, no end of the cell.

    >>> print(_markdown_text("a|b [c](d) <i>"))
    a\|b \[c\](d) &lt;i&gt;
    """
    escaped = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*\[\]|])", r"\\\1", escaped)


def _html(found: Sequence[Board]) -> str:
    template = environment().get_template("table.html")
    return "\n".join(
        template.render(board=board, columns=COLUMNS, arrows=ARROWS, title=title(board))
        for board in found
    )


def _csv(found: Sequence[Board]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["zoo", "zoo_digest", "target", *(column.key for column in COLUMNS)])
    for board in found:
        for row in board.rows:
            writer.writerow([board.zoo, board.zoo_digest, board.target, *astuple(row)])
    return text.getvalue()


def _latex(found: Sequence[Board]) -> str:
    return "\n".join(_latex_board(board) for board in found)


def _latex_board(board: Board) -> str:
    headings = [_latex_text(column.heading) for column in COLUMNS]
    rows = [[_latex_text(column.text(row)) for column in COLUMNS] for row in board.rows]
    alignment = "".join("r" if column.numeric else "l" for column in COLUMNS)
    head, *body = (" & ".join(cells) + r" \\" for cells in (headings, *rows))
    return "\n".join(
        [
            f"% {' '.join(title(board).split())}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


_LATEX = {
    **{character: "\\" + character for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
    "\u2013": "--",
}


def _latex_text(text: str) -> str:
    r"""Text without commands.

    >>> print(_latex_text("R² of a_b"))
    R$^2$ of a\_b
    """
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


FORMATS: dict[str, Callable[[Sequence[Board]], str]] = {
    "csv": _csv,
    "html": _html,
    "latex": _latex,
    "markdown": _markdown,
}
