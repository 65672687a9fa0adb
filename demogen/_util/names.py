"""Several names in one word of a command line, as a line of CSV holds them."""

import csv
import io
from collections.abc import Iterable


def from_commas(text: str) -> list[str]:
    """The names; one that holds a comma stands in double quotes.

    >>> from_commas('bs, "a,b",depth')
    ['bs', 'a,b', 'depth']
    """
    rows = list(csv.reader([text], skipinitialspace=True)) if text.strip() else []
    return [name.strip() for row in rows for name in row if name.strip()]


def comma_separated(names: Iterable[str]) -> str:
    """The other way round.

    >>> comma_separated(["bs", "a,b"])
    'bs,"a,b"'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()
