"""The standing of predictors across zoos as text and data."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from demogen._util.text import for_markdown, one_line
from demogen.format.markdown import table_of
from demogen.format.printing import aligned, frame_bytes, terminal_width
from leaderboard.pages.text_tables import csv_table
from leaderboard.results.columns import MARK, UNDEFINED
from leaderboard.results.standings import Across
from leaderboard.scoring.friedman import ALPHA
from leaderboard.scoring.metric import digits

if TYPE_CHECKING:
    import pandas as pd


def printed_across(of: Across, format: str) -> bytes:
    """The table, and for readers what it is of, in one of `demogen.format.printing.FORMATS`."""
    if format == "text":
        return _text(of).encode()
    if format == "markdown":
        return _markdown(of).encode()
    return frame_bytes(standings_frame(of), format)


def title(of: Across) -> str:
    """What the table is of, on one line."""
    return f"{of.target} across {len(of.data_sets)} zoos, by mean rank"


def facts(of: Across) -> list[tuple[str, str]]:
    """Name and value of each number of the tests."""
    test = of.test
    between, within = test.f_freedom
    return [
        ("Predictors, k", str(len(of.standings))),
        ("Zoos, N", str(len(of.data_sets))),
        ("Critical difference at 5 %", f"{of.critical_difference:.3f}"),
        (f"Friedman's χ² ({between})", _with_p(test.statistic, test.p_value)),
        (f"Iman and Davenport's F ({between}, {within})", _with_p(test.f, test.f_p_value)),
    ]


def verdicts(of: Across) -> list[str]:
    """What the numbers say, and what they cannot say, a sentence each."""
    p_value, zoos = of.test.f_p_value, len(of.data_sets)
    if math.isnan(p_value):
        said = ["All predictors tie on each zoo."]
    elif p_value > ALPHA:
        said = [
            "It is not shown that the predictors differ at all (Iman and Davenport's F, 5 %), and "
            "no two are told apart by their mean ranks."
        ]
    elif of.ranks_may_differ:
        said = [
            "The predictors are not all alike (Iman and Davenport's F, 5 %). Two whose mean ranks "
            f"lie less than {of.critical_difference:.3f} apart are not told apart (Nemenyi)."
        ]
    else:
        said = [
            "The predictors are not all alike (Iman and Davenport's F, 5 %), but no two are told "
            f"apart by their mean ranks: on {zoos} zoos these differ by at most "
            f"{len(of.standings) - 1}, less than the critical difference of "
            f"{of.critical_difference:.3f} (Nemenyi). More zoos, or fewer predictors, would tell "
            "more."
        ]
    draws = ", ".join(sorted({f"{one.draws:,}" for one in of.data_sets}))
    said.append(
        "A comparison of two predictors on a zoo is won where the paired bootstrap of R² of all "
        f"({draws} draws) finds a difference after Holm's correction over all {len(of.duels):,} "
        "comparisons at 5 %, and is a tie elsewhere."
    )
    if not of.duels_may_differ:
        said.append("So many comparisons need more draws than were made: all are ties.")
    return said


def notes(of: Across) -> list[str]:
    """All that a reader of the table must know, a line each."""
    numbers = [f"{name}: {value}." for name, value in facts(of)]
    left_out = [f"Left out: {what}: {why}." for what, why in of.left_out.items()]
    return [*numbers, *verdicts(of), *left_out]


def standings_frame(of: Across) -> "pd.DataFrame":
    """A row a predictor, unrounded, the rank on each zoo in a column of its own."""
    import pandas as pd

    heads, rows = _standings(of)
    return pd.DataFrame(rows, columns=list(heads)).set_index("place")


def standings_csv(of: Across) -> str:
    """The same as CSV."""
    return csv_table(*_standings(of))


def duels_csv(of: Across) -> str:
    """Every comparison of two predictors on a zoo as CSV."""
    return csv_table(
        ["target", "zoo", "first", "second", "difference", "p", "p_holm", "winner"],
        [
            [
                *(of.target, one.zoo, one.first, one.second),
                *(one.difference, one.p_value, one.adjusted, one.winner),
            ]
            for one in of.duels
        ],
    )


def heads(of: Across) -> list[str]:
    """Of the columns that are read."""
    zoos = [f"Rank on {one.zoo}" for one in of.data_sets]
    return ["Place", "Predictor", "Mean rank", "Wins", "Losses", "Ties", *zoos]


def cells(of: Across) -> list[list[str]]:
    """Of the rows, as they are read."""
    return [
        [
            str(one.place),
            one.predictor + MARK * one.claimed,
            f"{one.mean_rank:.2f}",
            *(str(count) for count in (one.wins, one.losses, one.ties)),
            *(f"{rank:g}" for rank in one.ranks),
        ]
        for one in of.standings
    ]


def _standings(of: Across) -> tuple[Sequence[str], list[list[object]]]:
    counts = ("wins", "losses", "ties")
    zoos = [f"rank_{one.zoo}" for one in of.data_sets]
    names = ["place", "predictor", "target", "mean_rank", *counts, "claimed", *zoos]
    rows: list[list[object]] = [
        [
            *(one.place, one.predictor, of.target, one.mean_rank),
            *(one.wins, one.losses, one.ties, one.claimed, *one.ranks),
        ]
        for one in of.standings
    ]
    return names, rows


def _text(of: Across) -> str:
    width = terminal_width()
    table = aligned(heads(of), cells(of), _right(of), width)
    below = "".join(f"{textwrap.fill(one_line(line), max(width, 20))}\n" for line in notes(of))
    return f"{aligned([title(of)], [], [], width)}{table}{below}"


def _markdown(of: Across) -> str:
    rows = [list(map(for_markdown, row)) for row in cells(of)]
    table = table_of(list(map(for_markdown, heads(of))), rows, _right(of))
    listed = "".join(f"- {for_markdown(line)}\n" for line in notes(of))
    return f"**{for_markdown(title(of))}**\n\n{table}\n\n{listed}"


def _right(of: Across) -> list[int]:
    """Positions of the columns that are aligned to the right: all but the name."""
    return [place for place in range(len(heads(of))) if place != 1]


def _with_p(statistic: float, p_value: float) -> str:
    if math.isnan(statistic):
        return UNDEFINED
    value = "∞" if math.isinf(statistic) else digits(statistic)
    return f"{value}, p = {digits(p_value)}" if p_value else f"{value}, p < 1e-300"
