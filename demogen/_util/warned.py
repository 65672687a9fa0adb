"""Warnings as commands show them: a line each, and each once."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from demogen._util.text import one_line


@contextmanager
def warnings_in_lines() -> Iterator[None]:
    """In this block a warning is one line of the program, without the place in its source.

    What stands in it again, for another split say, is not repeated. Filters are as they were, and
    whoever records warnings gets all of them.
    """
    before, told = warnings.formatwarning, set[str]()

    def line_of(message: Warning | str, *_: object, **__: object) -> str:
        text = one_line(str(message))
        if text in told:
            return ""
        told.add(text)
        return f"demogen: warning: {text}\n"

    warnings.formatwarning = line_of
    try:
        yield
    finally:
        warnings.formatwarning = before
