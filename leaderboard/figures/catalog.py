"""All figures of the papers, by name."""

from typing import Any

from demogen._util.lookup import lookup
from demogen.errors import ResultError
from leaderboard.figures import jiang2019, novak2018, puzzles2019, sensitivity, sweeps, zhao2021
from leaderboard.figures.figure import PaperFigure

FIGURES: tuple[PaperFigure[Any], ...] = (
    jiang2019.MARGINS,
    jiang2019.LOG_DENSITIES,
    jiang2019.PREDICTED,
    jiang2019.RESIDUALS,
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


def listing() -> str:
    """The figures as lines: name, paper and number, title, and below them what they need."""
    width = max(len(figure.name) for figure in FIGURES)
    return "\n".join(
        f"{figure.name:{width}}  {figure.paper}, Fig. {figure.number}: {figure.title}\n"
        f"{'':{width}}  needs {figure.needs}"
        for figure in FIGURES
    )
