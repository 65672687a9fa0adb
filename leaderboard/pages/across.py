"""The page of the standing across zoos: a critical-difference diagram and a table a target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaderboard.pages.across_tables import cells, facts, heads, verdicts
from leaderboard.pages.tables import environment
from leaderboard.results.standings import Across
from leaderboard.scoring.friedman import lanes, rank_ticks


@dataclass(frozen=True)
class Diagram:
    """A critical-difference diagram, a row a predictor; places along the axis are percentages.

    Attributes:
        ticks: rank and its place.
        dots: name of a predictor and the place of its mean rank.
        difference: length of the critical difference; 100 where it is longer than the axis.
        groups: first row, row behind the last one, and lane, from 0, of those not told apart.
    """

    ticks: list[tuple[int, float]]
    dots: list[tuple[str, float]]
    difference: float
    groups: list[tuple[int, int, int]]


@dataclass(frozen=True)
class TargetSection:
    """What the page says of one target; see `leaderboard.pages.across_tables`.

    Attributes:
        of: the standing.
        facts: name and value of each number of the tests.
        verdicts: sentences.
        diagram: of the mean ranks.
        heads: of the table.
        rows: address of a predictor's page, and the cells of its row.
        files: address and name of the data files.
    """

    of: Across
    facts: list[tuple[str, str]]
    verdicts: list[str]
    diagram: Diagram
    heads: list[str]
    rows: list[tuple[str, list[str]]]
    files: Sequence[tuple[str, str]]


def across_page(
    standings: Sequence[Across],
    hrefs: Mapping[str, str],
    files: Mapping[str, Sequence[tuple[str, str]]],
    generator: str,
) -> str:
    """The page as HTML.

    Args:
        standings: of a target each, at least one.
        hrefs: predictor → address of its page.
        files: target → address and name of its data files.
        generator: what the page says that made it.
    """
    sections = [
        TargetSection(
            of,
            facts(of),
            verdicts(of),
            diagram(of),
            heads(of),
            [(hrefs[one.predictor], row) for one, row in zip(of.standings, cells(of), strict=True)],
            files[of.target],
        )
        for of in standings
    ]
    page = environment().get_template("across.html")
    return page.render(root="", generator=generator, sections=sections)


def diagram(of: Across) -> Diagram:
    """The diagram of a standing."""
    span = len(of.standings) - 1

    def place(rank: float) -> float:
        return round(100 * (rank - 1) / span, 2)

    return Diagram(
        [(rank, place(rank)) for rank in rank_ticks(len(of.standings))],
        [(one.predictor, place(one.mean_rank)) for one in of.standings],
        min(100.0, place(1 + of.critical_difference)),
        [
            (first, last + 1, lane)
            for (first, last), lane in zip(of.groups, lanes(of.groups), strict=True)
        ],
    )
