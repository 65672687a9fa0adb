"""A predictor's own page: its scores everywhere, pictures of its predictions, how to cite it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demogen.format.factors import level_text
from leaderboard.pages.plot_data import fold_scores, plot_data, terms
from leaderboard.pages.provenance import cite, pins, recheck, reproduce
from leaderboard.pages.tables import ARROWS, environment
from leaderboard.pages.views import TableRow, rows_on, zoo_labels
from leaderboard.results.ranking import COLUMNS, UNDEFINED, RankedTable
from leaderboard.results.result import Result

SAME = ("predictor", "paper", "access")
"""Columns that say the same in every row of the page."""

PICTURES = (
    ("scatter", "Predicted against true", "Scatter plot of predicted against true values."),
    ("residuals", "Residuals", "Scatter plot of residuals against predicted values."),
    ("folds", "Fold scores", "Bar chart of the score of each fold."),
    ("coefficients", "Coefficients", "Bar chart of the coefficients of the linear model."),
)


Line = tuple[str, str, float | None]
"""What is said, where, and the number."""


@dataclass(frozen=True)
class Part:
    """What the page says of one zoo and target."""

    zoo: str
    target: str
    first: Result
    terms: list[tuple[str, float]]
    order: list[tuple[str, list[Line]]]
    folds: list[tuple[str, list[dict[str, Any]]]]
    reproduce: str
    recheck: list[str]
    cite: str
    pins: list[str]


def predictor_page(
    name: str,
    tables: Sequence[RankedTable],
    csv: str,
    generator: str,
    reference: str = "",
) -> str:
    """The page as HTML.

    Args:
        name: of a predictor that at least one of the tables has.
        tables: all of the leaderboard.
        csv: address of the file of its predictions.
        generator: what the page says that made it.
        reference: BibTeX of its paper, if known.
    """
    having = [
        (table, label)
        for table, label in zip(tables, zoo_labels(tables), strict=True)
        if name in table.results
    ]
    parts = [_part(table.results[name], label, table.target) for table, label in having]
    page = environment().get_template("predictor.html")
    return page.render(
        root="../",
        generator=generator,
        name=name,
        first=parts[0].first,
        columns=[column for column in COLUMNS if column.key not in SAME],
        arrows=ARROWS,
        undefined_text=UNDEFINED,
        views=list(_views(name, having)),
        pictures=PICTURES,
        parts=parts,
        csv=csv,
        reference=reference,
        data={"boards": [_data(table, label, name) for table, label in having]},
    )


def _part(of_splits: Mapping[str, Result], zoo: str, target: str) -> Part:
    results = list(of_splits.values())
    return Part(
        zoo=zoo,
        target=target,
        first=results[0],
        terms=terms(results[0]),
        order=[(result.split, lines) for result in results if (lines := _order(result))],
        folds=[(result.split, fold_scores(result)) for result in results if result.folds],
        reproduce=reproduce(results[0]),
        recheck=[recheck(result) for result in results],
        cite=cite(results[0]),
        pins=[pins(result) for result in results],
    )


def _order(result: Result) -> list[Line]:
    """Where predictions order networks rightly, and where they do not."""
    scores = result.scores
    lines: list[Line] = [
        ("granulated Kendall", f"{factor} alone differs", value)
        for factor, value in (scores.granulated or {}).items()
    ]
    if scores.information_given is not None:
        given = " and ".join(scores.information_given) or "nothing"
        lines.append(("least conditional information", f"given {given}", scores.information))
    if scores.sign_error_at is not None:
        at = scores.sign_error_at
        one, other = map(level_text, at.levels)
        where = f"{at.factor} {one} against {other}, {at.pairs} pairs"
        lines.append(("worst sign error", where, scores.sign_error_worst))
    return lines


def _views(name: str, having: Sequence[tuple[RankedTable, str]]) -> Iterator[TableRow]:
    for table, label in having:
        for split in table.results[name]:
            row = next(row for row in rows_on(table, split) if row.predictor == name)
            yield TableRow(label, table.target, split, row)


def _data(table: RankedTable, zoo: str, name: str) -> dict[str, Any]:
    drawn = plot_data(table.results[name])
    return {"zoo": zoo, "target": table.target, "ranking": table.ranking, **drawn}
