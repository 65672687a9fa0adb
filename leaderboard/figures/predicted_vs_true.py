"""Out-of-fold predictions against the truth, one small panel a predictor."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from demogen.errors import ResultError
from leaderboard.figures.style import (
    COLORS,
    GRAY,
    grid_shape,
    legend,
    level_names,
    level_of,
    rendered,
    scatter,
    shortened,
)
from leaderboard.results.coloring import colorings
from leaderboard.results.columns import UNDEFINED
from leaderboard.results.ranking import RankedTable, ranked_tables
from leaderboard.results.result import Result, write_file
from leaderboard.scoring.metric import decimals
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12
COLUMNS = 4

LABELS = {
    "gap": "generalization gap",
    "test_accuracy": "test accuracy",
    "test_cross_entropy": "test cross-entropy",
    "test_normalized_cross_entropy": "test cross-entropy of the normalized network",
}


def predicted_against_true(
    results: Sequence[Result], path: Path, levels: Mapping[str, str] | None = None
) -> None:
    """Draw out-of-fold predictions on the ranking split against the truth.

    The panels are in order of rank, at most twelve; all have the same axes. A prediction outside
    them is drawn at the border as a cross.

    Args:
        results: of one zoo and target.
        path: .png, .svg or .pdf; the same results always give the same bytes.
        levels: id → level of a factor, which colors the points; at most six levels are told apart.
            None: the factor of the zoo on which the target depends most.

    Raises:
        ResultError: results of several zoos or targets, none on the ranking split, or a file
            name with another ending or where nothing can be written.
    """
    tables = ranked_tables(results)
    if len(tables) != 1:
        raise ResultError(f"a figure shows one zoo and target; these are results of {len(tables)}")
    write_file(path, draw(tables[0], path.suffix.lstrip("."), levels))


def draw(table: RankedTable, format: str = "png", levels: Mapping[str, str] | None = None) -> bytes:
    """The figure as the bytes of a file; see `predicted_against_true`."""
    ranked = [result for result in table.ranked() if result.folds]
    if not ranked:
        raise ResultError(f"no out-of-fold predictions on {table.zoo} to draw; evaluate first")
    return rendered(format, lambda figure: _fill(figure, table, ranked, levels))


def _fill(
    figure: "Figure",
    table: RankedTable,
    ranked: Sequence[Result],
    levels: Mapping[str, str] | None,
) -> None:
    shown = ranked[:MOST_PANELS]
    shape = rows, columns = grid_shape(len(shown), COLUMNS)
    figure.set_size_inches(max(4.0, 2.7 * columns + 0.6), 2.75 * rows + 1.1)
    panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
    limits = _limits(shown)
    targets = {network: y for result in shown for network, y in result.targets.items()}
    factor = None
    if levels is None:
        factor, levels = _most_explaining(targets, shown)
    named = level_names(list(targets), levels)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, result in zip(panels.flat, shown, strict=False):
        _panel(axes, result, limits, named, levels)
    for position in range(len(shown) - shape[1], len(shown)):
        if position >= 0:
            panels.flat[position].tick_params(labelbottom=True)
    label = LABELS.get(table.target, table.target)
    figure.supxlabel(f"true {label}")
    figure.supylabel("predicted, out of fold")
    figure.suptitle(f"{table.zoo}, {table.ranking}{_part(len(shown), len(ranked))}")
    if len(named) > 1:
        legend(figure, panels.flat[0], factor)


def _most_explaining(
    targets: Mapping[str, float], shown: Sequence[Result]
) -> tuple[str | None, Mapping[str, str] | None]:
    """The factor with the largest share of the targets' variance between its levels, and these."""
    factors: dict[str, dict[str, object]] = {}
    for result in shown:
        for name, level_of_network in result.factors.items():
            factors.setdefault(name, {}).update(level_of_network)
    ids = sorted(targets)
    for coloring in colorings(ids, [targets[network] for network in ids], factors):
        if len(coloring.levels) <= len(COLORS):
            levels = (coloring.levels[code] for code in coloring.codes)
            return coloring.factor, dict(zip(ids, levels, strict=True))
    return None, None


def _part(shown: int, ranked: int) -> str:
    return f": the best {shown} of {ranked} predictors" if shown < ranked else ""


def _panel(
    axes: "Axes",
    result: Result,
    limits: tuple[float, float],
    named: Sequence[str],
    levels: Mapping[str, str] | None,
) -> None:
    low, high = limits
    axes.axline((low, low), slope=1, color=GRAY, linewidth=1, zorder=1)
    ids, truth, predicted = _points(result)
    outside = (predicted < low) | (predicted > high)
    level = np.array([level_of(network, named, levels) for network in ids])
    scatter(axes, truth[~outside], predicted[~outside], level[~outside], named)
    axes.scatter(
        truth[outside],
        predicted[outside].clip(low, high),
        s=22,
        color="0.2",
        marker="x",
        linewidths=1,
        clip_on=False,
        zorder=3,
    )
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.locator_params(nbins=4)
    r2 = result.scores.r2_pooled
    axes.set_title(
        f"{shortened(result.predictor)}\nR² = {UNDEFINED if r2 is None else decimals(r2)}"
    )


def _points(result: Result) -> tuple[list[str], Vector, Vector]:
    ids = [network for fold in result.folds for network in fold.ids]
    predicted = [value for fold in result.folds for value in fold.predictions]
    truth = [result.targets[network] for network in ids]
    return ids, np.array(truth, np.float64), np.array(predicted, np.float64)


def _limits(shown: Sequence[Result]) -> tuple[float, float]:
    """Range of the targets and a margin, so that one wild prediction does not flatten the rest."""
    values = [value for result in shown for value in result.targets.values()]
    low, high = min(values), max(values)
    margin = 0.15 * (high - low) or max(0.01, 0.1 * abs(high))
    return low - margin, high + margin
