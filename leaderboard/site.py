"""One self-contained page: the tables, what their columns mean, pictures, how to reproduce."""

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demogen.errors import SubmissionError
from leaderboard import figures
from leaderboard.rendering import ARROWS, environment, title
from leaderboard.results import Result, write_file
from leaderboard.tables import COLUMNS, Board, boards


@dataclass(frozen=True)
class Entry:
    """What the page says of one predictor."""

    result: Result
    command: str


@dataclass(frozen=True)
class Section:
    """What the page says of one zoo and target."""

    board: Board
    title: str
    entries: tuple[Entry, ...]
    figure: str | None
    """A data address, so that the page asks nothing of anybody."""


def write_page(results: Sequence[Result], path: Path, *, figure: bool = True) -> None:
    """Write the leaderboard as one HTML file that needs no other, whole or not at all.

    Args:
        results: of any zoos and targets; each of these has a section.
        path: of the page.
        figure: draw predictions against the truth for each section.

    Raises:
        SubmissionError: no results, results that contradict each other, or no way to write.
    """
    if not results:
        raise SubmissionError("no results to make a page of; `demogen evaluate` makes some")
    sections = [_section(board, figure) for board in boards(results)]
    page = environment().get_template("page.html")
    content = page.render(sections=sections, columns=COLUMNS, arrows=ARROWS)
    write_file(path, content.encode())


def reproduce(result: Result) -> str:
    """The command that makes all results of this predictor, zoo and target again."""
    words = ["demogen", "evaluate", result.predictor, "--zoo", result.zoo]
    if result.target != "gap":
        words += ["--target", result.target]
    return shlex.join(words)


def _section(board: Board, figure: bool) -> Section:
    one_each = (next(iter(board.results[row.predictor].values())) for row in board.rows)
    entries = tuple(Entry(result, reproduce(result)) for result in one_each)
    drawn = figure and any(result.folds for result in board.ranked())
    address = _address(figures.draw(board, "png")) if drawn else None
    return Section(board, title(board), entries, address)


def _address(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
