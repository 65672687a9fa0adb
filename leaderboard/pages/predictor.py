"""A predictor's own page: its scores everywhere, pictures of its predictions, how to cite it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from demogen.format.factors import level_text
from leaderboard.pages.plot_data import fold_scores, plot_data, terms
from leaderboard.pages.provenance import cite, pins, recheck, reproduce
from leaderboard.pages.table_rows import STANDARD, TableRow
from leaderboard.pages.tables import ARROWS, environment
from leaderboard.results.columns import COLUMNS, MARK, UNDEFINED
from leaderboard.results.places import NOWHERE, Places
from leaderboard.results.ranking import RankedTable, zoo_labels
from leaderboard.results.result import Result

SAME = ("predictor", "paper", "access")
"""Columns that say the same in every row of the page."""

PICTURES = (
    ("scatter", "Predicted against true", "Scatter plot of predicted against true values."),
    ("residuals", "Residuals", "Scatter plot of residuals against predicted values."),
    ("folds", "Fold scores", "Bar chart of the score of each fold."),
    ("coefficients", "Coefficients", "Bar chart of the coefficients of the linear model."),
)


class OrderScore(NamedTuple):
    """How well predictions order some pairs of networks.

    Attributes:
        score: its name.
        pairs: which pairs it is of, in words.
        value: None where it is not defined.
    """

    score: str
    pairs: str
    value: float | None


@dataclass(frozen=True)
class ZooSection:
    """What the page says of one zoo and target.

    Attributes:
        zoo: label of the zoo.
        target: what is predicted.
        first: a result, for what is the same on every split.
        claims: fields of the results that nobody checked.
        terms: name and coefficient of each term of the linear model.
        order: split → its order scores.
        folds: split → scores of its folds.
        reproduce: command that makes the results again.
        recheck: commands that compute the scores again.
        cite: command that prints BibTeX of zoo and split.
        pins: a line a split that names all by digest.
    """

    zoo: str
    target: str
    first: Result
    claims: tuple[str, ...]
    terms: list[tuple[str, float]]
    order: list[tuple[str, list[OrderScore]]]
    folds: list[tuple[str, list[dict[str, Any]]]]
    reproduce: str
    recheck: list[str]
    cite: str
    pins: list[str]


def predictor_page(
    name: str,
    tables: Sequence[RankedTable],
    rows: Sequence[TableRow],
    csv: str,
    generator: str,
    bibtex: str = "",
    places: Places = NOWHERE,
) -> str:
    """The page as HTML.

    Args:
        name: of a predictor that at least one of the tables has.
        tables: all of the leaderboard.
        rows: of all tables.
        csv: address of the file of its predictions.
        generator: what the page says that made it.
        bibtex: of its paper, if known.
        places: where what the results are of lies.
    """
    having = [
        (table, label)
        for table, label in zip(tables, zoo_labels(tables), strict=True)
        if name in table.results
    ]
    sections = [_section(table, name, label, places) for table, label in having]
    page = environment().get_template("predictor.html")
    return page.render(
        root="../",
        generator=generator,
        name=name,
        first=sections[0].first,
        mark={claim: MARK for section in sections for claim in section.claims},
        columns=[column for column in COLUMNS if column.key not in SAME],
        arrows=ARROWS,
        undefined_text=UNDEFINED,
        rows=[row for row in rows if row.cells.predictor == name and row.split != STANDARD],
        pictures=PICTURES,
        sections=sections,
        csv=csv,
        bibtex=bibtex,
        data={"tables": [_data(table, label, name) for table, label in having]},
    )


def _section(table: RankedTable, name: str, zoo: str, places: Places) -> ZooSection:
    results, claims = list(table.results[name].values()), table.claims(name)
    return ZooSection(
        zoo=zoo,
        target=table.target,
        first=results[0],
        claims=claims,
        terms=terms(results[0]),
        order=[(result.split, scores) for result in results if (scores := _order_scores(result))],
        folds=[(result.split, fold_scores(result)) for result in results if result.folds],
        reproduce=reproduce(results[0], places),
        recheck=list(dict.fromkeys(recheck(result, places) for result in results)),
        cite=cite(results[0], places),
        pins=[pins(result, claims) for result in results],
    )


def _order_scores(result: Result) -> list[OrderScore]:
    """Where predictions order networks rightly, and where they do not."""
    scores = result.scores
    order_scores = [
        OrderScore("granulated Kendall", f"{factor} alone differs", value)
        for factor, value in (scores.granulated or {}).items()
    ]
    if scores.information_given is not None:
        given = " and ".join(scores.information_given) or "nothing"
        order_scores.append(
            OrderScore("least conditional information", f"given {given}", scores.information)
        )
    if scores.sign_error_at is not None:
        at = scores.sign_error_at
        one, other = map(level_text, at.levels)
        pairs = f"{at.factor} {one} against {other}, {at.pairs} pairs"
        order_scores.append(OrderScore("worst sign error", pairs, scores.sign_error_worst))
    return order_scores


def _data(table: RankedTable, zoo: str, name: str) -> dict[str, Any]:
    plots = plot_data(table.results[name])
    return {"zoo": zoo, "target": table.target, "ranking": table.ranking, **plots}
