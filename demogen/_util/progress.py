"""Progress of long steps: how much is done, rate, time left. A bar on a terminal, else lines."""

import io
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, final

if TYPE_CHECKING:
    from tqdm import tqdm

Item = TypeVar("Item")

EVERY = 10.0
"""Seconds between two lines where standard error is no terminal; shorter steps give none."""


def track(
    items: Iterable[Item], description: str, total: int | None, *, enabled: bool = True
) -> Iterator[Item]:
    """Yield the items, and show progress on standard error.

    Args:
        items: networks, or what came of them.
        description: what is done to them, in a word.
        total: how many there are; None: nobody knows.
        enabled: whether to show it.
    """
    if not enabled or total == 0:
        yield from items
        return
    with progress_bar(description, total, unit=" networks", enabled=True) as bar:
        for item in items:
            yield item
            bar.update()


def progress_bar(
    description: str, total: int | None, *, unit: str, enabled: bool, unit_scale: bool = False
) -> "tqdm[Any]":
    """Progress on standard error, moved by `update`.

    Args:
        description: what is done, in a word.
        total: how much there is to do; None: nobody knows.
        unit: of it, behind a number.
        enabled: whether to show it.
        unit_scale: write a million as 1M.
    """
    from tqdm import tqdm

    settings: dict[str, Any] = {
        "desc": description,
        "total": total,
        "unit": unit,
        "unit_scale": unit_scale,
        "disable": not enabled,
    }
    if sys.stderr.isatty():
        return tqdm(dynamic_ncols=True, **settings)
    done = "{n_fmt}" if total is None else "{n_fmt} of {total_fmt}"
    left = "" if total is None else ", {remaining} left"
    return tqdm(
        file=_Lines(sys.stderr),
        mininterval=EVERY,
        miniters=1,
        delay=EVERY,
        bar_format=f"{{desc}}: {done}{{unit}} in {{elapsed}}{left}",
        **settings,
    )


@final
class _Lines(io.TextIOBase):
    """Lines, in the place of one line that is written over and over.

    Args:
        out: where they go.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = ""

    def write(self, text: str) -> int:
        """Write what is to stand on the line from now on as a line of its own, if it is new."""
        line = text.strip()
        if line and line != self._last:
            self._last = line
            self._out.write(f"{line}\n")
            self._out.flush()
        return len(text)
