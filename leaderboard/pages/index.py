"""The index of the leaderboard: one table of all rankings, its controls, and what it is of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from leaderboard.pages.table_rows import STANDARD, TableRow
from leaderboard.pages.tables import ARROWS, environment
from leaderboard.results.best_by_chance import selection_in_words
from leaderboard.results.columns import COLUMNS, RANKED_BY, Column, Row
from leaderboard.results.ranking import RankedTable, zoo_labels

WITH_BAR = RANKED_BY
"""The column whose cells show their number as a bar, too."""

FIRST = ("rank", "predictor", RANKED_BY, "kendall", "rmse_points", "access", "seconds")
"""Columns in sight from the start, in this order; a switch shows the others behind them."""


@dataclass(frozen=True)
class IndexCell:
    """One cell of the index.

    Attributes:
        key: of its column.
        numeric: whether it is aligned as a number.
        order: what the script sorts by; empty: undefined, always last.
        text: what is read.
        share: percent of the cell that its bar fills; None: it has no bar.
        why: why the text is a dash; "" where it is none.
    """

    key: str
    numeric: bool
    order: str
    text: str
    share: int | None
    why: str


@dataclass(frozen=True)
class IndexRow:
    """One row of the index.

    Attributes:
        of: the predictor, zoo, target and split.
        href: address of the predictor's page.
        find: what a search for words looks through.
        cells: in the order of the page's columns.
    """

    of: TableRow
    href: str
    find: str
    cells: tuple[IndexCell, ...]


@dataclass(frozen=True)
class Control:
    """A choice of rows. An option's value is "=" and what rows must have, or "" for any."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    initial: str


@dataclass(frozen=True)
class ZooDigests:
    """What results of a zoo are pinned to.

    Attributes:
        label: of the zoo (see `zoo_labels`).
        name: of the zoo.
        revision: of the zoo, or "".
        digest: of the zoo, as are the next: sha256.
        splits: name and digest of each split that there are results on.
    """

    label: str
    name: str
    revision: str
    digest: str
    splits: tuple[tuple[str, str], ...]


def index_page(
    tables: Sequence[RankedTable],
    rows: Sequence[TableRow],
    hrefs: Mapping[str, str],
    files: Sequence[tuple[str, str]],
    generator: str,
    across: str = "",
) -> str:
    """The page as HTML.

    Args:
        tables: at least one.
        rows: of all tables.
        hrefs: predictor → address of its page.
        files: address and name of the data files.
        generator: what the page says that made it.
        across: address of the page of the standing across zoos; "" where there is none.
    """
    page = environment().get_template("index.html")
    first, others = _columns(tables)
    columns = [*first, *others]
    return page.render(
        root="",
        generator=generator,
        columns=columns,
        switched=[column.key for column in others],
        arrows=ARROWS,
        counts=_counts(tables),
        controls=_controls(rows),
        rows=list(_index_rows(rows, tables, hrefs, columns)),
        tried=[
            (f"{label}, {table.target}", selection_in_words(table))
            for label, table in zip(zoo_labels(tables), tables, strict=True)
        ],
        zoos=_zoo_digests(tables),
        files=files,
        across=across,
    )


def _columns(tables: Sequence[RankedTable]) -> tuple[list[Column], list[Column]]:
    """Those in sight from the start, what ranks next to the name, and those behind the switch."""
    by_key = {column.key: column for column in COLUMNS}
    ranked_by = {table.ranked_by: by_key[table.ranked_by] for table in tables}
    first: dict[str, Column] = {}
    for key in FIRST:
        first |= ranked_by if key == RANKED_BY else {key: by_key[key]}
    return list(first.values()), [column for column in COLUMNS if column.key not in first]


def _index_rows(
    rows: Sequence[TableRow],
    tables: Sequence[RankedTable],
    hrefs: Mapping[str, str],
    columns: Sequence[Column],
) -> Iterator[IndexRow]:
    summaries = {
        predictor: result.summary
        for table in tables
        for predictor, by_split in table.results.items()
        for result in by_split.values()
    }
    for row in rows:
        predictor = row.cells.predictor
        find = f"{predictor} {summaries[predictor]}".casefold()
        yield IndexRow(row, hrefs[predictor], find, tuple(_index_cells(row.cells, columns)))


def _index_cells(row: Row, columns: Sequence[Column]) -> Iterator[IndexCell]:
    for column in columns:
        value = getattr(row, column.key)
        order = "" if value is None else str(value)
        share = None
        if column.key == WITH_BAR and value is not None:
            share = round(100 * min(1.0, max(0.0, value)))
        why = column.why_undefined(row)
        yield IndexCell(column.key, column.numeric, order, column.text(row), share, why)


def _controls(rows: Sequence[TableRow]) -> list[Control]:
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.zoo] = max(sizes.get(row.zoo, 0), row.cells.measured + row.cells.dropped)
    # What most networks say comes first into sight, and not what comes first in the alphabet.
    zoo = max(sizes, key=lambda name: sizes[name])
    targets = sorted({row.target for row in rows if row.zoo == zoo})
    target = "gap" if "gap" in targets else targets[0]
    splits = sorted({row.split for row in rows} - {STANDARD})
    return [
        _choice("zoo", "Zoo", list(sizes), f"={zoo}"),
        _choice("target", "Target", sorted({row.target for row in rows}), f"={target}"),
        Control(
            "split",
            "Split",
            ((f"={STANDARD}", "each column's own"), *((f"={name}", name) for name in splits)),
            f"={STANDARD}",
        ),
        _choice("paper", "Family (paper)", sorted({row.cells.paper for row in rows})),
        _choice("access", "Reads", sorted({row.cells.access for row in rows})),
    ]


def _choice(name: str, label: str, values: Sequence[str], initial: str = "") -> Control:
    options = ((f"={value}", value or "none") for value in values)
    return Control(name, label, (("", "all"), *options), initial)


def _counts(tables: Sequence[RankedTable]) -> list[tuple[str, str]]:
    """How many predictors, zoos and so on there are: number and noun."""
    predictors = {row.predictor for table in tables for row in table.rows}
    networks: dict[str, int] = {}
    splits = set()
    results = 0
    for table in tables:
        size = max(row.measured + row.dropped for row in table.rows)
        networks[table.zoo_digest] = max(size, networks.get(table.zoo_digest, 0))
        splits |= {(table.zoo_digest, name) for name in table.splits}
        results += sum(map(len, table.results.values()))
    counts = [
        (len(predictors), "predictor"),
        (len(networks), "zoo"),
        (sum(networks.values()), "network"),
        (len(splits), "split"),
        (results, "result"),
    ]
    return [(f"{count:,}", f"{noun}{'' if count == 1 else 's'}") for count, noun in counts]


def _zoo_digests(tables: Sequence[RankedTable]) -> list[ZooDigests]:
    by_digest: dict[str, ZooDigests] = {}
    for table, label in zip(tables, zoo_labels(tables), strict=True):
        digest = table.zoo_digest
        others = by_digest[digest].splits if digest in by_digest else ()
        splits = tuple(sorted({*others, *table.splits.items()}))
        by_digest[digest] = ZooDigests(label, table.zoo, table.revision, digest, splits)
    return list(by_digest.values())
