"""What a command tells: its outcome on standard output, all else on standard error.

With `--json` an outcome is one JSON object on a line, for a program; with `--quiet` there is no
progress and no note. Both hold for the command that runs (see `demogen.cli_options`); where none
does, outcomes are text and notes are shown.
"""

import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, Final, final

import click

from demogen._util.text import say

AS_JSON: Final = "demogen.json"
QUIET: Final = "demogen.quiet"
"""Keys under which a click context keeps the two options."""


def tell(text: str | None, **facts: Any) -> None:
    """Say what came out of a command.

    Args:
        text: for a reader; None: it was told meanwhile.
        facts: the same for a program: what JSON can hold, and paths; NaN becomes null.
    """
    if _chosen(AS_JSON):
        known = {name: None if _is_undefined(fact) else fact for name, fact in facts.items()}
        say(json.dumps(known, allow_nan=False, default=_plain))
    elif text is not None:
        say(text)


def tell_meanwhile(line: str) -> None:
    """Say a part of what came out as soon as it is known; with `--json` it is a note."""
    if _chosen(AS_JSON):
        note(line)
    else:
        say(line)


def note(text: str) -> None:
    """Say on standard error what is worth knowing on the way."""
    if not _chosen(QUIET):
        say(text, err=True)


@contextmanager
def log_as_notes(name: str) -> Iterator[None]:
    """In this block, what a logger of this program logs is a note, and goes nowhere else."""
    logger, handler = logging.getLogger(name), _Notes()
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(handler)


@final
class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(f"demogen: {record.getMessage()}")


def shows_progress() -> bool:
    """Whether the command that runs shows how far it is."""
    return not _chosen(QUIET)


def _chosen(key: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(key))


def _is_undefined(fact: object) -> bool:
    return isinstance(fact, float) and math.isnan(fact)


def _plain(value: object) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no outcome that JSON can hold")
