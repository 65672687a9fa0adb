"""Tables on standard output: aligned for a terminal, Markdown where piped, or as asked."""

import io
import json
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from demogen._util.text import for_csv, for_markdown, one_line, say_table
from demogen.errors import TableError
from demogen.format.markdown import table_of

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "markdown", "csv", "json", "parquet")
GAP = "  "
CUT = "…"
LEAST = 16
"""Signs that a column of text which does not fit must have left to be shown in part."""


def chosen_format(asked: str | None) -> str:
    """The format asked for; else "text" on a terminal, "markdown" elsewhere.

    Raises:
        TableError: Parquet on a terminal.
    """
    on_terminal = sys.stdout.isatty()
    if asked == "parquet" and on_terminal:
        raise TableError(
            "Parquet is no text; send it to a file: … --format parquet > table.parquet"
        )
    return asked or ("text" if on_terminal else "markdown")


def terminal_width() -> int:
    """Signs on a line of the terminal; $COLUMNS, or 80 where there is none."""
    return shutil.get_terminal_size().columns


def frame_bytes(frame: "pd.DataFrame", format: str) -> bytes:
    """A table with the name of its index as first column, as a file of a format holds it.

    Numbers are unrounded, but for "text" and "markdown". What is missing is an empty cell, and null
    in JSON, which is one object a row.

    Raises:
        TableError: an unknown format.
    """
    rows = frame.reset_index()
    if format == "parquet":
        buffer = io.BytesIO()
        rows.to_parquet(buffer, index=False)
        return buffer.getvalue()
    if format == "csv":
        safe = rows.rename(columns=for_csv)
        for name in safe.columns[[kind.kind not in "iufb" for kind in safe.dtypes]]:
            safe[name] = safe[name].map(lambda cell: for_csv(_listed(cell)))
        return safe.to_csv(index=False, lineterminator="\n").encode()
    objects = rows.astype(object).where(rows.notna(), None)
    if format == "json":
        return (json.dumps(objects.to_dict("records"), indent=1, default=_plain) + "\n").encode()
    heads = list(map(str, objects.columns))
    cells = [list(map(_text, row)) for row in objects.itertuples(index=False)]
    right = [place for place, name in enumerate(rows) if rows[name].dtype.kind in "iuf"]
    if format == "markdown":
        escaped = [list(map(for_markdown, row)) for row in cells]
        return (table_of(list(map(for_markdown, heads)), escaped, right) + "\n").encode()
    if format == "text":
        return aligned(heads, cells, right, terminal_width()).encode()
    raise TableError(f"no format {format!r}; there are: {', '.join(FORMATS)}")


def print_frame(frame: "pd.DataFrame", asked: str | None) -> None:
    """Print a table in the format asked for, or else in that of the place it goes to.

    Raises:
        TableError: Parquet on a terminal.
    """
    chosen = chosen_format(asked)
    say_table(frame_bytes(frame, chosen), chosen)


def aligned(
    heads: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int], width: int
) -> str:
    """A table of which each line has at most `width` signs; it ends in a line break.

    As many columns are shown as fit, the first first, and at least one. Of the next one as much is
    shown as fits, if it holds words and that is not too little. A last line says how many columns
    are not shown.

    Args:
        heads: of the columns, those that matter most first.
        rows: cells.
        right: positions of the columns that are aligned to the right.
        width: of the terminal.

    >>> print(aligned(["name", "R²", "note"], [["a", "0.51", "long words"]], [1], 12), end="")
    name    R²
    a     0.51
    1 more colu…
    """
    lines = [list(map(one_line, line)) for line in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = len(widths)
    while shown > 1 and sum(widths[:shown]) + len(GAP) * (shown - 1) > width:
        shown -= 1
    room = width - sum(widths[:shown]) - len(GAP) * shown
    if shown < len(widths) and shown not in right and room >= LEAST:
        widths[shown] = room
        shown += 1
    texts = []
    for line in lines:
        cells = [
            text.rjust(wide) if place in right else _cut(text, wide).ljust(wide)
            for place, (text, wide) in enumerate(zip(line, widths[:shown], strict=False))
        ]
        texts.append(GAP.join(cells).rstrip())
    if hidden := len(widths) - shown:
        texts.append(f"{hidden} more column{'s' * (hidden > 1)}: --format csv")
    return "".join(f"{_cut(text, width)}\n" for text in texts)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + CUT


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(_listed(value))


def _listed(value: object) -> object:
    """A cell of several values, as the channels of a network's layers, as JSON writes it."""
    several = hasattr(value, "__len__") and not isinstance(value, str)
    return json.dumps(value, default=_plain) if several else value


def _plain(value: object) -> object:
    return value.tolist() if hasattr(value, "tolist") else str(value)
