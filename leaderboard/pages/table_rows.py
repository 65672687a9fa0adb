"""The rows of a site: those of each table as they stand, and with one split's scores alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leaderboard.results.columns import Row
from leaderboard.results.ranking import RankedTable, ranked_rows, row_on_one_split, zoo_labels

STANDARD = ""
"""The split of rows whose columns each come from the split that the column names."""


@dataclass(frozen=True)
class TableRow:
    """A predictor on one zoo and target.

    Attributes:
        zoo: label of the zoo (see `zoo_labels`).
        target: what is predicted.
        split: the split of all scores; `STANDARD`: each score is of its column's split.
        cells: the values of all columns.
    """

    zoo: str
    target: str
    split: str
    cells: Row


def table_rows(tables: Sequence[RankedTable]) -> Iterator[TableRow]:
    """The rows of all tables, each table's standard rows before those of its splits."""
    for table, label in zip(tables, zoo_labels(tables), strict=True):
        for split in (STANDARD, *table.splits):
            for cells in rows_on_split(table, split):
                yield TableRow(label, table.target, split, cells)


def rows_on_split(table: RankedTable, split: str) -> list[Row]:
    """The rows of a table with the scores of one split alone.

    They are ranked by R² of all; where nothing is pooled (holdouts), they are not ranked, and
    ordered by the mean sum of squared residuals.

    Args:
        table: on one zoo and target.
        split: one of the table's, or `STANDARD`.
    """
    if split == STANDARD:
        return list(table.rows)
    networks = table.networks(split)
    return ranked_rows(
        row_on_one_split(row, table.results[row.predictor][split], networks)
        for row in table.rows
        if split in table.results[row.predictor]
    )
