"""Foreign text in Markdown and YAML: shown as it is, never taken for markup."""

import html
import re
from collections.abc import Collection, Iterable, Sequence


def cell(text: str) -> str:
    r"""Text on one line in which no sign is markup, for a table's cell or a heading.

    Signs of HTML become entities: not every reader of Markdown takes a backslash before them.

    >>> print(cell("a|b *c* <br>"))
    a\|b \*c\* &lt;br&gt;
    """
    escaped = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", escaped)


def table_of(
    heads: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()
) -> str:
    """A table.

    Args:
        heads: of the columns, Markdown.
        rows: cells of each row, Markdown.
        right: positions of the columns that are aligned to the right, as numbers are.
    """
    rules = ["---:" if column in right else "---" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rules, *rows))


def fenced(language: str, text: str) -> str:
    """A block of code, whatever the text holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def quoted(text: str) -> str:
    """A YAML scalar that is read back as this text.

    >>> quoted('a "b": #c')
    '"a \\\\"b\\\\": #c"'
    """
    signs = (
        f"\\{sign}" if sign in '\\"' else sign if sign.isprintable() else f"\\U{ord(sign):08x}"
        for sign in text
    )
    return f'"{"".join(signs)}"'
