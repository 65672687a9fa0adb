"""What the index shows: rows of each board as they stand, and with one split's scores alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from leaderboard.results.ranking import SCORED, Board, Row, cells
from leaderboard.results.result import Result

STANDARD = ""
"""The split of rows whose columns each come from the split that the column names."""


@dataclass(frozen=True)
class View:
    """One row of the index.

    Attributes:
        zoo: label of the zoo.
        target: what is predicted.
        split: whose scores these are; `STANDARD`: each column's own.
        row: the cells.
    """

    zoo: str
    target: str
    split: str
    row: Row


def views(boards: Sequence[Board]) -> Iterator[View]:
    """The rows of all boards, each board's standard rows before those of its splits."""
    labels = zoo_labels(boards)
    for board, label in zip(boards, labels, strict=True):
        for split in (STANDARD, *board.splits):
            for row in rows_on(board, split):
                yield View(label, board.target, split, row)


def rows_on(board: Board, split: str) -> list[Row]:
    """The rows of a board with the scores of one split alone.

    They are ranked by pooled R²; where nothing is pooled (holdouts), they are not ranked, and
    ordered by the mean sum of squared residuals.

    Args:
        board: on one zoo and target.
        split: one of the board's, or `STANDARD`.
    """
    if split == STANDARD:
        return list(board.rows)
    rows = [
        _row_on(row, board.results[row.predictor][split])
        for row in board.rows
        if split in board.results[row.predictor]
    ]
    rows.sort(key=_place)
    pooled = [row.r2_pooled for row in rows if row.r2_pooled is not None]
    return [
        row
        if row.r2_pooled is None
        else replace(row, rank=1 + sum(other > row.r2_pooled for other in pooled))
        for row in rows
    ]


def zoo_labels(boards: Sequence[Board]) -> list[str]:
    """The zoo of each board: its name, with its digest too where zoos share a name."""
    digests: dict[str, set[str]] = {}
    for board in boards:
        digests.setdefault(board.zoo, set()).add(board.zoo_digest)
    return [
        board.zoo if len(digests[board.zoo]) == 1 else f"{board.zoo}@{board.zoo_digest[:12]}"
        for board in boards
    ]


def _row_on(row: Row, result: Result) -> Row:
    return replace(row, rank=None, **cells(result.scores, SCORED))


def _place(row: Row) -> tuple[bool, float, bool, float, str]:
    return (
        row.r2_pooled is None,
        -(row.r2_pooled or 0.0),
        row.ssr_mean is None,
        row.ssr_mean or 0.0,
        row.predictor,
    )
