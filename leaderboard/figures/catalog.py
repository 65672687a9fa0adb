"""All figures of the papers, by name."""

from typing import TYPE_CHECKING, Any

from demogen._util.lookup import lookup
from demogen.errors import ResultError
from leaderboard.figures import (
    jiang2019,
    learning,
    novak2018,
    puzzles2019,
    sensitivity,
    sweeps,
    zhao2021,
)
from leaderboard.figures.figure import PaperFigure

if TYPE_CHECKING:
    import pandas as pd

FIGURES: tuple[PaperFigure[Any], ...] = (
    jiang2019.MARGINS,
    jiang2019.LOG_DENSITIES,
    jiang2019.PREDICTED,
    jiang2019.RESIDUALS,
    learning.LEARNING,
    zhao2021.CURVES,
    zhao2021.CLASSES,
    zhao2021.QUANTITIES,
    zhao2021.ESTIMATES,
    zhao2021.SUMS,
    puzzles2019.LOSSES,
    puzzles2019.OUTPUTS,
    sweeps.ERRORS,
    sweeps.WIDTHS,
    sweeps.SAMPLES,
    novak2018.ELLIPSES,
    novak2018.BOUNDARIES,
    sensitivity.PAIRS,
    sensitivity.GAP,
    sensitivity.GAP_TRANSITIONS,
    novak2018.POINTS,
    novak2018.BOUNDS,
)
"""In the order of the papers and of their figures."""


def find_figure(name: str) -> PaperFigure[Any]:
    """The figure of that name.

    Raises:
        ResultError: there is none; near names are listed.
    """
    return lookup(name, {figure.name: figure for figure in FIGURES}, "figure", ResultError)


def figure_table() -> "pd.DataFrame":
    """A row a figure: what it shows, what it is drawn from, and where in which paper it stands."""
    import pandas as pd

    rows = [
        {
            "figure": figure.name,
            "title": figure.title,
            "paper": figure.paper,
            "number": figure.number,
            "needs": figure.needs,
        }
        for figure in FIGURES
    ]
    return pd.DataFrame(rows).set_index("figure")
