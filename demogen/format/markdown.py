"""Foreign text in Markdown and YAML: shown as it is, never taken for markup."""

import re
from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """Text on one line in which no sign is markup, for a table's cell or a heading.

    >>> cell("a|b *c* <br>")
    'a\\\\|b \\\\*c\\\\* \\\\<br\\\\>'
    """
    return re.sub(r"([\\`*_{}\[\]<>|&#~$])", r"\\\1", " ".join(text.split()))


def table_of(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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
