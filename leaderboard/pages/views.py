"""What the index shows: rows of each table as they stand, and with one split's scores alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leaderboard.results.ranking import RankedTable, Row, ranked_rows, row_on_one_split

STANDARD = ""
"""The split of rows whose columns each come from the split that the column names."""


@dataclass(frozen=True)
class TableRow:
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


def views(tables: Sequence[RankedTable]) -> Iterator[TableRow]:
    """The rows of all tables, each table's standard rows before those of its splits."""
    labels = zoo_labels(tables)
    for table, label in zip(tables, labels, strict=True):
        for split in (STANDARD, *table.splits):
            for row in rows_on(table, split):
                yield TableRow(label, table.target, split, row)


def rows_on(table: RankedTable, split: str) -> list[Row]:
    """The rows of a table with the scores of one split alone.

    They are ranked by pooled R²; where nothing is pooled (holdouts), they are not ranked, and
    ordered by the mean sum of squared residuals.

    Args:
        table: on one zoo and target.
        split: one of the table's, or `STANDARD`.
    """
    if split == STANDARD:
        return list(table.rows)
    return ranked_rows(
        row_on_one_split(row, table.results[row.predictor][split])
        for row in table.rows
        if split in table.results[row.predictor]
    )


def zoo_labels(tables: Sequence[RankedTable]) -> list[str]:
    """The zoo of each table: its name, with its digest too where zoos share a name."""
    digests: dict[str, set[str]] = {}
    for table in tables:
        digests.setdefault(table.zoo, set()).add(table.zoo_digest)
    return [
        table.zoo if len(digests[table.zoo]) == 1 else f"{table.zoo}@{table.zoo_digest[:12]}"
        for table in tables
    ]
