"""Foreign text in TeX: set as it is, never taken for a command."""

_SIGNS = {
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
    "\u2013": "--",
}


def escaped(text: str) -> str:
    r"""Text on one line in which no sign is a command of TeX.

    >>> print(escaped("R² of a_b"))
    R$^2$ of a\_b
    """
    return "".join(_SIGNS.get(sign, sign) for sign in " ".join(text.split()))
