"""Texts that look alike: names that a reader takes for each other."""

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Signs that show nothing: Unicode's Default_Ignorable_Code_Point, and the blank of Braille."""

_BLANK = {"Cc", "Pc", "Pd", "Zl", "Zp", "Zs"}
_WIDE_BLANKS = set("\u115f\u1160\u2800\u3164\uffa0")
_DASH_OF_THE_TABLE = "\u30fc"
_MARKS = {"Cf", "Me", "Mn"}

_MOST_ROUNDS = 8


@lru_cache(maxsize=10_000)
def appearance(text: str) -> str:
    """What a text looks like: equal for texts that a reader may take for each other.

    In this order, until nothing changes: the compatibility form NFKD (full width, ligatures and
    superscripts become plain letters, accents signs of their own); signs that show nothing and
    marks upon letters are left out; each sign is replaced by the one that Unicode's table of
    confusables (Unicode Technical Standard 39, section 4) gives for it; case is folded. Then i
    counts as l, since a capital I looks like one; and a run of blanks, dashes and underscores as
    one hyphen, or as nothing at either end.

    choice: stricter than the standard, whose skeletons keep case, accents and blanks.

    >>> appearance("Unit_Sparsity ") == appearance("un\u0456t-sp\u0430rsity")
    True
    >>> appearance("margin-h1-log") == appearance("margin-h2-log")
    False
    """
    for _ in range(_MOST_ROUNDS):
        before, text = text, _simplified(text)
        if text == before:
            break
    return re.sub("-+", "-", text.replace("i", "l")).strip("-")


def _simplified(text: str) -> str:
    table = _prototypes()
    seen = (table.get(sign, sign) for sign in map(_shown, unicodedata.normalize("NFKD", text)))
    return "".join(seen).casefold()


def _shown(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in _BLANK or sign in _WIDE_BLANKS or sign == _DASH_OF_THE_TABLE:
        return "-"
    return "" if category in _MARKS or INVISIBLE.match(sign) else sign


@cache
def _prototypes() -> Mapping[str, str]:
    """Sign → what it looks like, from the pairs of the table.

    The package lists with each sign those it is confusable with. The lines of the table lead from
    many signs to one, which leads nowhere: the pairs are stars, and the middle of each stands for
    all. Of a pair by itself, the one of several signs does ("rn" for "m"), else the plainer.
    """
    # Read here: the package's own code takes encoding and folder from the environment.
    data = files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8")
    pairs = {
        _bare(sign): [_bare(other["c"]) for other in others]
        for sign, others in json.loads(data).items()
    }
    return {
        sign: others[0]
        for sign, others in pairs.items()
        if len(sign) == len(others) == 1
        and (len(pairs[others[0]]) > 1 or _plainness(others[0]) < _plainness(sign))
    }


def _bare(signs: str) -> str:
    """Without the marks of direction that the table puts around what is written from the right."""
    return signs.replace("\u200e", "")


def _plainness(signs: str) -> tuple[bool, bool, str]:
    return len(signs) == 1, not signs.isascii(), signs
