"""R² over the number of networks and over their training accuracy: none of a paper's figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import ResultError
from leaderboard.figures.figure import PaperFigure
from leaderboard.figures.sources import Sources
from leaderboard.figures.style import COLORS, LINES, MARKERS, legend, shortened
from leaderboard.results.learning_curve import (
    r2_of_best_trained,
    r2_of_random_networks,
    sizes_up_to,
)
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SHOWN = (
    "margin-quartiles-log",
    "margin-tap-log",
    "spectral-margin-log",
    "jacobian-margin-log",
    "margin-quartiles-log-unnormalized",
)
"""Rows of Table 1 that its text compares, the best first."""

DRAWS = 20
LEVELS = 6

MOST_LETTERS = 36
"""Of a name in the legend: all of those in `SHOWN`."""


@final
@dataclass(frozen=True)
class Curves:
    """Out-of-fold R² of predictors on parts of a zoo.

    Attributes:
        title: of the zoo.
        sizes: numbers of networks drawn, shape (sizes,).
        levels: training accuracies, shape (levels,).
        counts: how many networks reach them, shape (levels,).
        by_size: predictor → R², shape (sizes, draws).
        by_level: predictor → R², shape (levels, draws).
    """

    title: str
    sizes: Vector
    levels: Vector
    counts: Vector
    by_size: Mapping[str, Vector]
    by_level: Mapping[str, Vector]


def gather_learning(sources: Sources) -> Curves:
    """Of the predictors chosen, else of `SHOWN`, those that there are results of.

    Raises:
        ResultError: R² of one is not defined, whatever networks are drawn.
    """
    table = sources.table
    results = sources.results_of(sources.names_of(SHOWN))
    reached = {str(network): float(value) for network, value in table["train_accuracy"].items()}
    sizes = sizes_up_to(min(len(result.targets) for result in results.values()))
    ordered = sorted(reached.values(), reverse=True)
    most = [ordered[size - 1] for size in sizes_up_to(len(ordered), LEVELS)]
    levels = sorted(set(most))
    by_size, by_level = {}, {}
    for name, result in results.items():
        regressor = sources.regressor_of(result)
        by_size[name] = r2_of_random_networks(result, regressor, sizes, DRAWS)
        if not np.isfinite(by_size[name]).any():
            raise ResultError(
                f"no learning curve of {name} on {sources.given_zoo.name}: ten folds of networks "
                "drawn need ten configurations, and targets that differ; take a larger zoo"
            )
        by_level[name] = r2_of_best_trained(result, regressor, reached, levels, DRAWS)
    counts = [sum(value >= level for value in reached.values()) for level in levels]
    return Curves(
        sources.given_zoo.name,
        np.array(sizes, np.float64),
        np.array(levels, np.float64),
        np.array(counts, np.float64),
        by_size,
        by_level,
    )


def paint_learning(figure: "Figure", data: Curves) -> None:
    """Medians over draws, with bands from the lower to the upper quartile."""
    figure.set_size_inches(10, 4.2)
    left, right = figure.subplots(1, 2, sharey=True)
    _curves(left, data.sizes, data.by_size)
    left.set(xlabel="networks, drawn at random", ylabel="out-of-fold R²")
    # In even steps: accuracies crowd below 1.
    steps = np.arange(len(data.levels), dtype=np.float64)
    _curves(right, steps, data.by_level)
    right.set_xticks(
        steps,
        [
            f"{level}\n{count:.0f}"
            for level, count in zip(_told_apart(data.levels), data.counts, strict=True)
        ],
    )
    right.set_xlabel("training accuracy, and networks that reach it")
    # An R² below the mean's says no more for lying far below.
    medians = [curve.get_ydata() for axes in (left, right) for curve in axes.lines]
    low = min(float(np.min(of)) for of in medians if len(of))
    left.set_ylim(max(-1.0, min(low, 0.0) - 0.05), 1.02)
    figure.suptitle(data.title)
    legend(figure, left, "predictor")


def _told_apart(levels: Vector) -> list[str]:
    """Levels that differ, with the fewest decimals from three to six that show it."""
    for decimals in range(3, 7):
        texts = [f"{level:.{decimals}f}" for level in levels]
        if len(set(texts)) == len(texts):
            break
    return texts


def _curves(axes: "Axes", x: Vector, of: Mapping[str, Vector]) -> None:
    for number, (name, values) in enumerate(of.items()):
        defined = np.isfinite(values).any(axis=1)
        if not defined.any():
            continue
        low, middle, high = np.nanquantile(values[defined], [0.25, 0.5, 0.75], axis=1)
        color = COLORS[number % len(COLORS)]
        axes.plot(
            *(x[defined], middle),
            color=color,
            linestyle=LINES[number % len(LINES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            label=shortened(name, MOST_LETTERS),
        )
        axes.fill_between(x[defined], low, high, color=color, alpha=0.15, linewidth=0)
    axes.axhline(0, color="0.7", linewidth=1, zorder=0)


LEARNING = PaperFigure(
    "jiang2019-learning",
    "jiang2019",
    "none: of our own",
    "out-of-fold R² over the number of networks and over their training accuracy",
    f"a zoo's table; results of {', '.join(SHOWN)}",
    gather_learning,
    paint_learning,
    from_results=True,
    most_predictors=len(COLORS),
)
