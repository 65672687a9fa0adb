"""The index of the leaderboard: one table of all rankings, its controls, and what it is of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from leaderboard.pages.tables import ARROWS, environment
from leaderboard.pages.views import STANDARD, TableRow, views, zoo_labels
from leaderboard.results.ranking import COLUMNS, RankedTable, Row

BARRED = "r2_pooled"
"""The column whose cells show their number as a bar, too."""


@dataclass(frozen=True)
class Cell:
    """One cell of the index: `order` sorts it (empty: undefined, always last), `text` is read."""

    key: str
    numeric: bool
    order: str
    text: str
    share: int | None
    """Percent of the cell that its bar fills."""


@dataclass(frozen=True)
class Line:
    """One row of the index."""

    view: TableRow
    href: str
    find: str
    """What a search for words looks through."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Control:
    """A choice of rows. An option's value is "=" and what rows must have, or "" for any."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    initial: str


@dataclass(frozen=True)
class Pinned:
    """A zoo and the splits that results are on, by digest."""

    label: str
    name: str
    revision: str
    digest: str
    splits: tuple[tuple[str, str], ...]


def index_page(
    tables: Sequence[RankedTable],
    hrefs: Mapping[str, str],
    files: Sequence[tuple[str, str]],
    generator: str,
) -> str:
    """The page as HTML.

    Args:
        tables: at least one.
        hrefs: predictor → address of its page.
        files: address and name of the data files.
        generator: what the page says that made it.
    """
    page = environment().get_template("index.html")
    shown = list(views(tables))
    return page.render(
        root="",
        generator=generator,
        columns=COLUMNS,
        arrows=ARROWS,
        figures=_figures(tables),
        controls=_controls(shown),
        lines=list(_lines(shown, tables, hrefs)),
        zoos=_pinned(tables),
        files=files,
    )


def _lines(
    shown: Sequence[TableRow], tables: Sequence[RankedTable], hrefs: Mapping[str, str]
) -> Iterator[Line]:
    summaries = {
        predictor: result.summary
        for table in tables
        for predictor, of_splits in table.results.items()
        for result in of_splits.values()
    }
    for view in shown:
        predictor = view.row.predictor
        find = f"{predictor} {summaries[predictor]}".casefold()
        yield Line(view, hrefs[predictor], find, tuple(_cells(view.row)))


def _cells(row: Row) -> Iterator[Cell]:
    for column in COLUMNS:
        value = getattr(row, column.key)
        order = "" if value is None else str(value)
        share = None
        if column.key == BARRED and value is not None:
            share = round(100 * min(1.0, max(0.0, value)))
        yield Cell(column.key, column.numeric, order, column.text(row), share)


def _controls(shown: Sequence[TableRow]) -> list[Control]:
    zoos = list(dict.fromkeys(view.zoo for view in shown))
    targets = sorted({view.target for view in shown if view.zoo == zoos[0]})
    target = "gap" if "gap" in targets else targets[0]
    splits = sorted({view.split for view in shown} - {STANDARD})
    return [
        _choice("zoo", "Zoo", zoos, f"={zoos[0]}"),
        _choice("target", "Target", sorted({view.target for view in shown}), f"={target}"),
        Control(
            "split",
            "Split",
            ((f"={STANDARD}", "each column's own"), *((f"={name}", name) for name in splits)),
            f"={STANDARD}",
        ),
        _choice("paper", "Family (paper)", sorted({view.row.paper for view in shown})),
        _choice("access", "Reads", sorted({view.row.access for view in shown})),
    ]


def _choice(name: str, label: str, values: Sequence[str], initial: str = "") -> Control:
    options = ((f"={value}", value or "none") for value in values)
    return Control(name, label, (("", "all"), *options), initial)


def _figures(tables: Sequence[RankedTable]) -> list[tuple[str, str]]:
    predictors = {row.predictor for table in tables for row in table.rows}
    networks: dict[str, int] = {}
    splits = set()
    results = 0
    for table in tables:
        most = max(row.measured + row.dropped for row in table.rows)
        networks[table.zoo_digest] = max(most, networks.get(table.zoo_digest, 0))
        splits |= {(table.zoo_digest, name) for name in table.splits}
        results += sum(map(len, table.results.values()))
    counts = [
        (len(predictors), "predictor"),
        (len(networks), "zoo"),
        (sum(networks.values()), "network"),
        (len(splits), "split"),
        (results, "result file"),
    ]
    return [(f"{count:,}", f"{what}{'' if count == 1 else 's'}") for count, what in counts]


def _pinned(tables: Sequence[RankedTable]) -> list[Pinned]:
    found: dict[str, Pinned] = {}
    for table, label in zip(tables, zoo_labels(tables), strict=True):
        before = dict(found[table.zoo_digest].splits) if table.zoo_digest in found else {}
        splits = tuple(sorted({**before, **table.splits}.items()))
        found[table.zoo_digest] = Pinned(label, table.zoo, table.revision, table.zoo_digest, splits)
    return list(found.values())
