"""The critical-difference diagram of a standing across zoos, as a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.figures.style import BLUE, PALE, rendered, shortened
from leaderboard.results.result import write_file
from leaderboard.results.standings import Across
from leaderboard.scoring.friedman import lanes, rank_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LANE = 0.16
"""Inches between two bars of groups."""

ABOVE = 0.08
"""Inches from the rows to the critical difference above them."""


def draw_critical_difference(of: Across, path: Path) -> None:
    """Draw the mean ranks of predictors, a row each, and bars over those not told apart.

    Args:
        of: the standing.
        path: .png, .svg or .pdf; the same standing always gives the same bytes.

    Raises:
        ResultError: a file name with another ending, or where nothing can be written.
    """
    format = path.suffix.lstrip(".")
    write_file(path, rendered(format, lambda figure: paint_critical_difference(figure, of)))


def paint_critical_difference(figure: "Figure", of: Across) -> None:
    """Fill an empty figure: ranks from left to right, 1 first; the difference above the rows."""
    from matplotlib.transforms import ScaledTranslation

    rows, lane_of = len(of.standings), lanes(of.groups)
    aside = LANE * (1 + max(lane_of, default=-1))
    figure.set_size_inches(7.2 + aside, 1.4 + 0.22 * rows)
    axes = figure.subplots()
    means = [one.mean_rank for one in of.standings]
    axes.hlines(range(rows), 1, means, color=PALE, linewidth=1, zorder=1)
    axes.scatter(means, range(rows), s=28, color=BLUE, zorder=2)
    axes.set_yticks(range(rows), [shortened(one.predictor) for one in of.standings])
    axes.set(xlim=(1 - 0.02 * rows, 1.02 * rows), ylim=(rows - 0.4, -0.6))
    axes.set_xticks(rank_ticks(rows))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"mean rank over {len(of.data_sets)} zoos; 1 is best")
    above = axes.get_xaxis_transform() + ScaledTranslation(0, ABOVE, figure.dpi_scale_trans)
    end = min(1 + of.critical_difference, rows)
    axes.plot([1, end], [1, 1], color="0.1", marker="|", transform=above, clip_on=False)
    beyond = "" if of.ranks_may_differ else ", longer than the axis"
    axes.set_title(
        f"critical difference {of.critical_difference:.2f}{beyond}", loc="left", pad=14, fontsize=9
    )
    for (first, last), lane in zip(of.groups, lane_of, strict=True):
        beside = ScaledTranslation(LANE * (lane + 0.5), 0, figure.dpi_scale_trans)
        axes.plot(
            [1, 1],
            [first - 0.25, last + 0.25],
            color="0.1",
            linewidth=2.5,
            transform=axes.get_yaxis_transform() + beside,
            clip_on=False,
        )
    figure.suptitle(f"{of.target} across {len(of.data_sets)} zoos")
