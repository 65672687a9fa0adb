"""Out-of-fold predictions against the truth, one small panel a predictor."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demogen.errors import SubmissionError
from leaderboard.metrics import Vector
from leaderboard.results import Result, write_file
from leaderboard.tables import UNDEFINED, Board, boards, decimals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12
COLUMNS = 4

# Okabe and Ito's palette, told apart with any colour vision, without its black and its yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "^", "s", "D", "v", "P")
OTHER = "other"

LABELS = {
    "gap": "generalization gap",
    "test_accuracy": "test accuracy",
    "test_cross_entropy": "test cross-entropy",
}

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "figure.titlesize": 11,
    "figure.labelsize": 11,
    "text.parse_math": False,  # a name may hold a dollar sign
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "demogen",  # else the ids in an SVG differ each time
    "savefig.dpi": 160,
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
        levels: id → level of a factor, which colours the points; at most six levels are told apart.

    Raises:
        SubmissionError: results of several zoos or targets, none on the ranking split, or a file
            name with another ending or where nothing can be written.
    """
    found = boards(results)
    if len(found) != 1:
        raise SubmissionError(
            f"a figure shows one zoo and target; these are results of {len(found)}"
        )
    write_file(path, draw(found[0], path.suffix.lstrip("."), levels))


def draw(board: Board, format: str = "png", levels: Mapping[str, str] | None = None) -> bytes:
    """The figure as the bytes of a file; see `predicted_against_true`."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Dates and versions in the metadata would make other bytes of the same figure.
    metadata = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    if format not in metadata:
        raise SubmissionError(f"no figure format {format!r}; end the file name in .png or .svg")
    shown = [result for result in board.ranked() if result.folds][:MOST_PANELS]
    if not shown:
        raise SubmissionError(f"no out-of-fold predictions on {board.zoo} to draw; evaluate first")
    columns = min(COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    size = max(4.0, 2.7 * columns + 0.6), 2.75 * rows + 1.1
    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        _fill(figure, board, shown, (rows, columns), levels)
        content = io.BytesIO()
        figure.savefig(content, format=format, metadata=metadata[format])
    return content.getvalue()


def _fill(
    figure: "Figure",
    board: Board,
    shown: Sequence[Result],
    shape: tuple[int, int],
    levels: Mapping[str, str] | None,
) -> None:
    panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
    limits = _limits(shown)
    named = _level_names(shown, levels)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, result in zip(panels.flat, shown, strict=False):
        _panel(axes, result, limits, named, levels)
    for position in range(len(shown) - shape[1], len(shown)):
        if position >= 0:
            panels.flat[position].tick_params(labelbottom=True)
    label = LABELS[board.target]
    figure.supxlabel(f"true {label}")
    figure.supylabel("predicted, out of fold")
    figure.suptitle(f"{board.zoo}, {board.ranking}")
    if len(named) > 1:
        handles, texts = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside right upper", markerscale=1.5, frameon=False)


def _panel(
    axes: "Axes",
    result: Result,
    limits: tuple[float, float],
    named: Sequence[str],
    levels: Mapping[str, str] | None,
) -> None:
    low, high = limits
    axes.axline((low, low), slope=1, color="0.45", linewidth=1, zorder=1)
    ids, truth, predicted = _points(result)
    outside = (predicted < low) | (predicted > high)
    level = np.array([_level(network, named, levels) for network in ids])
    for position, name in enumerate(named):
        kept = (level == name) & ~outside
        axes.scatter(
            truth[kept],
            predicted[kept],
            s=16,
            color=COLOURS[position],
            marker=MARKERS[position],
            alpha=0.65,
            linewidths=0,
            label=name,
            zorder=2,
        )
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
    name = result.predictor if len(result.predictor) <= 28 else result.predictor[:27] + "\u2026"
    axes.set_title(f"{name}\nR² = {UNDEFINED if r2 is None else decimals(r2)}")


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


def _level_names(shown: Sequence[Result], levels: Mapping[str, str] | None) -> list[str]:
    if levels is None:
        return [OTHER]
    found = {levels.get(network, OTHER) for result in shown for network in result.targets}
    names = sorted(found - {OTHER}, key=_natural)
    if OTHER not in found and len(names) <= len(COLOURS):
        return names
    return [*names[: len(COLOURS) - 1], OTHER]


def _natural(text: str) -> list[tuple[float, str]]:
    """Sorts "width 96" before "width 192"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(float(part), "") if n % 2 else (-1.0, part) for n, part in enumerate(parts)]


def _level(network: str, named: Sequence[str], levels: Mapping[str, str] | None) -> str:
    level = OTHER if levels is None else levels.get(network, OTHER)
    return level if level in named else OTHER
