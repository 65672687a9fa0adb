"""Output that every terminal can show: signs that its encoding lacks are spelled in ASCII."""

import codecs
import io
import sys
import unicodedata

_SPELLED = {
    **{"−": "-", "–": "-", "—": "-", "…": "...", "→": "->", "×": "x", "·": "*", "±": "+-"},
    **{"≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "∞": "inf", "√": "sqrt", "‖": "||", "∥": "||"},
    **{"“": '"', "”": '"', "„": '"', "\u2018": "'", "\u2019": "'", "†": "+", "‡": "++", "✓": "yes"},
}

_SPELLING = "demogen.spelling"


def show_everything() -> None:
    """Let standard output and standard error spell what they cannot encode, instead of failing."""
    codecs.register_error(_SPELLING, _spelled)
    for stream in (sys.stdout, sys.stderr):
        # A program that runs the command in its own process may have put something else there.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SPELLING)


def spell(sign: str) -> str:
    """A sign in ASCII.

    >>> "".join(map(spell, "τ ≤ −0.5…"))
    'tau <= -0.5...'
    """
    if sign.isascii():
        return sign
    if sign in _SPELLED:
        return _SPELLED[sign]
    name = unicodedata.name(sign, "")
    if name.startswith("GREEK") and " LETTER " in name:
        letter = name.partition(" LETTER ")[2].split()[0]
        return letter.capitalize() if "CAPITAL" in name else letter.lower()
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return plain or "?"


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    # Bytes of a file's name that are no text; they go out as they came in.
    if all("\udc80" <= sign <= "\udcff" for sign in signs):
        return bytes(ord(sign) - 0xDC00 for sign in signs), error.end
    return "".join(map(spell, signs)), error.end
