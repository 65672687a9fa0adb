"""Tables of any content as CSV and as LaTeX; Markdown's are `demogen.format.markdown.table_of`."""

import csv
import io
from collections.abc import Iterable, Sequence

from demogen._util.text import for_csv, for_tex, one_line


def csv_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV, unrounded; None is an empty cell, and no text is computed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(for_csv, heads))
    writer.writerows(map(for_csv, row) for row in rows)
    return text.getvalue()


def latex_table(
    alignment: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    comments: Iterable[str] = (),
) -> str:
    """A table as LaTeX, with the rules of booktabs.

    Args:
        alignment: a letter a column, "lrr" say.
        head: lines above the middle rule, LaTeX (see `latex_row`).
        rows: cells of each row, any text.
        comments: what the table is of, any text; a line each above it.
    """
    lines = [
        *(f"% {one_line(comment)}" for comment in comments),
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        *head,
        r"\midrule",
        *(latex_row(map(for_tex, cells)) for cells in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def latex_row(cells: Iterable[str]) -> str:
    """A row of a table; its cells are LaTeX."""
    return " & ".join(cells) + r" \\"
