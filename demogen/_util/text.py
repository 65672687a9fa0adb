"""Text from outside on its way out: to a terminal, CSV, Markdown, TeX or HTML, and shown as it is.

A name, a title or an error of somebody else's goes through the function here for the place where
it is shown, so that no sign of it is taken for a command, a formula or markup.
"""

import html
import re

import click

_ACTED_UPON = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udc7f\udd00-\udfff]"
)
"""What a terminal acts upon: control characters but tab and line feed, ends of lines and of
paragraphs, marks of direction; and halves of surrogate pairs, which cannot be written (but for
those that stand for bytes of a file's name, see `demogen._util.terminal`)."""

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet computes."""

_TEX = {
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
    "\u2013": "--",
}


def visible(text: str) -> str:
    r"""Text of any lines in which what a terminal would act upon stands as its number.

    >>> print(visible("red\x1b[31m"))
    red\x1b[31m
    """
    return _ACTED_UPON.sub(_number, text)


def one_line(text: str) -> str:
    """Likewise, on one line: for a message, a log, a line of a list."""
    return visible(" ".join(text.split()))


def say(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Print text, as commands do: all that they print may hold names from outside."""
    click.echo(visible(text), nl=nl, err=err)


def say_table(table: bytes, format: str) -> None:
    """Print a table, whose text was made harmless where it was formatted.

    Args:
        table: in UTF-8, but for Parquet.
        format: of `demogen.format.printing.FORMATS`. What readers look at goes out in the encoding
            of the terminal; what programs read stays as it is.
    """
    click.echo(table.decode() if format in ("text", "markdown") else table, nl=False)


def for_csv(cell: object) -> object:
    """A cell of CSV: text that a spreadsheet would compute has an apostrophe before it.

    >>> for_csv("=1+1"), for_csv(-0.5), for_csv("unit-sparsity")
    ("'=1+1", -0.5, 'unit-sparsity')
    """
    if not isinstance(cell, str):
        return cell
    text = visible(cell)
    return f"'{text}" if text.startswith(_BEGINS_FORMULA) else text


def for_markdown(text: str) -> str:
    r"""Text on one line in which no sign is markup, for a table's cell or a heading.

    Signs of HTML become entities: not every reader of Markdown takes a backslash before them.
    Likewise a sign of each address, which GitHub would make a link of.

    >>> print(for_markdown("a|b *c* <br> http://d"))
    a\|b \*c\* &lt;br&gt; http&#58;//d
    """
    escaped = html.escape(one_line(text), quote=False)
    escaped = re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", escaped)
    escaped = re.sub(r"(?i)(https?|ftp|mailto|xmpp):", r"\1&#58;", escaped)
    escaped = re.sub(r"(?i)\bw(ww\.)", r"&#119;\1", escaped)
    # A line that begins so is a list, a rule or a heading.
    return re.sub(r"^([-+]|\d+[.)])(?=\s+\S)|^-(?=--+$)", _with_entity, escaped)


def for_tex(text: str) -> str:
    r"""Text on one line in which no sign is a command of TeX.

    >>> print(for_tex("R² of a_b"))
    R$^2$ of a\_b
    """
    # Before TeX's signs: what stands for a control character holds a backslash.
    return "".join(_TEX.get(sign, sign) for sign in one_line(text))


def for_html(text: str) -> str:
    """Text in HTML, between tags or as a quoted attribute.

    >>> for_html("<b>")
    '&lt;b&gt;'
    """
    return html.escape(visible(text))


def _number(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def _with_entity(found: re.Match[str]) -> str:
    begin, end = found[0][:-1], found[0][-1]
    return f"{begin}&#{ord(end)};"
