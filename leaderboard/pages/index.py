"""The index of the leaderboard: one table with every board, its controls, and what it is of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from leaderboard.pages.tables import ARROWS, environment
from leaderboard.pages.views import STANDARD, View, views, zoo_labels
from leaderboard.results.ranking import COLUMNS, Board, Row

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

    view: View
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
    boards: Sequence[Board],
    hrefs: Mapping[str, str],
    files: Sequence[tuple[str, str]],
    generator: str,
) -> str:
    """The page as HTML.

    Args:
        boards: at least one.
        hrefs: predictor → address of its page.
        files: address and name of the data files.
        generator: what the page says that made it.
    """
    page = environment().get_template("index.html")
    shown = list(views(boards))
    return page.render(
        root="",
        generator=generator,
        columns=COLUMNS,
        arrows=ARROWS,
        figures=_figures(boards),
        controls=_controls(shown),
        lines=list(_lines(shown, boards, hrefs)),
        zoos=_pinned(boards),
        files=files,
    )


def _lines(
    shown: Sequence[View], boards: Sequence[Board], hrefs: Mapping[str, str]
) -> Iterator[Line]:
    summaries = {
        predictor: result.summary
        for board in boards
        for predictor, of_splits in board.results.items()
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


def _controls(shown: Sequence[View]) -> list[Control]:
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


def _figures(boards: Sequence[Board]) -> list[tuple[str, str]]:
    predictors = {row.predictor for board in boards for row in board.rows}
    networks: dict[str, int] = {}
    splits = set()
    results = 0
    for board in boards:
        most = max(row.measured + row.dropped for row in board.rows)
        networks[board.zoo_digest] = max(most, networks.get(board.zoo_digest, 0))
        splits |= {(board.zoo_digest, name) for name in board.splits}
        results += sum(map(len, board.results.values()))
    counts = [
        (len(predictors), "predictor"),
        (len(networks), "zoo"),
        (sum(networks.values()), "network"),
        (len(splits), "split"),
        (results, "result file"),
    ]
    return [(f"{count:,}", f"{what}{'' if count == 1 else 's'}") for count, what in counts]


def _pinned(boards: Sequence[Board]) -> list[Pinned]:
    found: dict[str, Pinned] = {}
    for board, label in zip(boards, zoo_labels(boards), strict=True):
        before = dict(found[board.zoo_digest].splits) if board.zoo_digest in found else {}
        splits = tuple(sorted({**before, **board.splits}.items()))
        found[board.zoo_digest] = Pinned(label, board.zoo, board.revision, board.zoo_digest, splits)
    return list(found.values())
