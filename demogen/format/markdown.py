"""Tables, blocks of code and quoted text in Markdown; text itself is `demogen._util.text`'s."""

import re
from collections.abc import Collection, Iterable, Sequence


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
