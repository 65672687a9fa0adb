"""Figures of Jiang et al. 2019: margin distributions, predicted gaps, residuals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import ZooError
from leaderboard.figures.density import positive_density
from leaderboard.figures.figure import PaperFigure
from leaderboard.figures.sources import Sources, captions
from leaderboard.figures.style import (
    BLUE,
    COLORS,
    GRAY,
    LINES,
    decades,
    diagonal,
    legend,
    level_names,
    level_of,
    limits,
    scatter,
)
from leaderboard.results.columns import UNDEFINED
from leaderboard.results.result import Result
from leaderboard.scoring.metric import decimals
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PREDICTOR = "margin-quartiles-log"
COMPARED = {
    PREDICTOR: "norm. margin 20D",
    "margin-best4-log": "norm. margin 4D",
    "spectral-margin-log": "Bartlett margin 5D",
}
"""Predictors of Fig. 2 → what the paper calls them."""

KFOLD = "kfold-10"
"""Split of the paper's k-fold R²."""

POINTS = 400
"""Of a density curve."""


@final
@dataclass(frozen=True)
class Margins:
    """Normalized margins above zero of a few networks.

    Attributes:
        titles: of each network.
        of: for each network, tap → margins, shape (correct samples,).
    """

    titles: tuple[str, ...]
    of: tuple[Mapping[str, Vector], ...]


def gather_margins(sources: Sources) -> Margins:
    """Margins of the networks chosen, else of three from the largest gap to the smallest."""
    ids = sources.spread(3)
    predictor = sources.predictors[0] if sources.predictors else PREDICTOR
    margins_at_taps = tuple(sources.details(predictor, ids))
    for network, taps in zip(ids, margins_at_taps, strict=True):
        if not taps or any(np.ndim(of) != 1 or not np.min(of) > 0 for of in taps.values()):
            raise ZooError(
                f"what the measure of {getattr(predictor, 'name', predictor)} leaves of network "
                f"{network} are no margins above zero at its taps; name another predictor"
            )
        for tap, margins in taps.items():
            if not np.ptp(margins) > 0:
                raise ZooError(
                    f"network {network} has no two different margins at tap {tap!r}; choose other "
                    "networks with --network"
                )
    rows = sources.table.loc[ids]
    titles = tuple(
        f"{caption}\ntest acc. {row.test_accuracy:.1%}, gap {row.gap:.1%}"
        for caption, row in zip(captions(ids), rows.itertuples(), strict=True)
    )
    return Margins(titles, margins_at_taps)


def paint_margins(figure: "Figure", data: Margins) -> None:
    """Densities above, Tukey's box plots below; a column a network, a color a tap (Fig. 1)."""
    width = max(4.5, 3.1 * len(data.of) + 0.5)
    figure.set_size_inches(width, 5.2)
    panels = figure.subplots(
        2, len(data.of), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 2]
    )
    high = _far(data)
    for number, (title, taps) in enumerate(zip(data.titles, data.of, strict=True)):
        density, boxes = panels[0, number], panels[1, number]
        _densities(density, taps, np.linspace(0, high, POINTS))
        density.set_title(title)
        density.set_ylim(bottom=0)
        _boxes(boxes, taps)
        boxes.set_xlim(0, high)
    panels[0, 0].set_ylabel("density")
    figure.supxlabel("normalized margin")
    legend(figure, panels[0, 0], "tap")


def paint_log_densities(figure: "Figure", data: Margins) -> None:
    """Densities on a logarithmic axis, which shows the tails (Fig. 3, middle and right)."""
    figure.set_size_inches(max(4.5, 3.1 * len(data.of) + 0.5), 3.6)
    panels = figure.subplots(1, len(data.of), sharex=True, sharey=True, squeeze=False)[0]
    high = max(float(margins.max()) for taps in data.of for margins in taps.values())
    for axes, title, taps in zip(panels, data.titles, data.of, strict=True):
        _densities(axes, taps, np.linspace(0, high, POINTS))
        axes.set_title(title)
    fewest = max(len(margins) for taps in data.of for margins in taps.values())
    top = max(float(line.get_ydata().max()) for axes in panels for line in axes.lines)
    panels[0].set(xlim=(0, high), ylim=(top / (20 * fewest), 2 * top), ylabel="density")
    for axes in panels:
        decades(axes.yaxis)
    figure.supxlabel("normalized margin")
    legend(figure, panels[0], "tap")


def _far(data: Margins) -> float:
    """Beyond the upper fence of nearly all boxes, where little is left to see."""
    ends = []
    for taps in data.of:
        for margins in taps.values():
            q1, q3 = np.percentile(margins, [25, 75])
            ends.append(float(margins[margins <= q3 + 1.5 * (q3 - q1)].max()))
    return 1.05 * max(ends)


def _densities(axes: "Axes", taps: Mapping[str, Vector], grid: Vector) -> None:
    for number, (tap, margins) in enumerate(taps.items()):
        curve = positive_density(np.asarray(margins, np.float64), grid)
        style = LINES[number % len(LINES)]
        axes.plot(grid, curve, color=COLORS[number % len(COLORS)], linestyle=style, label=tap)


def _boxes(axes: "Axes", taps: Mapping[str, Vector]) -> None:
    names = list(taps)
    drawn = axes.boxplot(
        [np.asarray(taps[tap], np.float64) for tap in names],
        whis=1.5,  # to the last data points within: the fences of section 3.2
        orientation="horizontal",
        showfliers=False,
        widths=0.6,
        manage_ticks=False,
        patch_artist=True,
        medianprops={"color": "black"},
    )
    for number, box in enumerate(drawn["boxes"]):
        box.set(facecolor=COLORS[number % len(COLORS)], alpha=0.6)
    axes.set_yticks(range(1, len(names) + 1), names)
    axes.set_ylim(len(names) + 0.6, 0.4)


@final
@dataclass(frozen=True)
class Fits:
    """Fits of some predictors on all networks of a zoo.

    Attributes:
        zoo: its name.
        results: predictor → its result.
        fold_r2: predictor → mean held-out R² over folds, where there is a result on kfold-10.
        levels: id → zoo of a pool that it lies in, or None.
    """

    zoo: str
    results: Mapping[str, Result]
    fold_r2: Mapping[str, float]
    levels: Mapping[str, str] | None


def gather_fits(sources: Sources) -> Fits:
    """Fits of the predictors chosen, else of those of Fig. 2 that there are results of."""
    fits = sources.results_of(sources.names_of(list(COMPARED)))
    zoo, digest = next((result.zoo, result.zoo_digest) for result in fits.values())
    fold_r2 = {
        result.predictor: result.scores.r2_fold_mean
        for result in [*sources.results, *fits.values()]
        if (result.split, result.target, result.zoo_digest) == (KFOLD, "gap", digest)
        and result.predictor in fits
        and result.scores.r2_fold_mean is not None
    }
    levels = None
    if sources.zoo is not None and "zoo" in sources.table:
        levels = {str(network): str(zoo) for network, zoo in sources.table["zoo"].items()}
    return Fits(zoo, fits, fold_r2, levels)


def paint_fits(figure: "Figure", data: Fits) -> None:
    """Gap predicted by the fit on all networks against the true gap (Fig. 2, 8 to 10)."""
    figure.set_size_inches(max(4.0, 3.1 * len(data.results) + 0.4), 3.9)
    panels = figure.subplots(1, len(data.results), sharex=True, sharey=True, squeeze=False)[0]
    named = level_names([n for r in data.results.values() for n in r.targets], data.levels)
    both: list[float] = []
    for axes, (name, result) in zip(panels, data.results.items(), strict=True):
        ids = sorted(result.targets)
        truth, fit = np.array([[result.targets[n], result.fit[n]] for n in ids], np.float64).T
        level = np.array([level_of(network, named, data.levels) for network in ids])
        scatter(axes, truth, fit, level, named)
        adjusted = result.scores.fit_adjusted_r2
        stats = f"adj. R² = {UNDEFINED if adjusted is None else decimals(adjusted)}"
        if name in data.fold_r2:
            stats += f", k-fold R² = {decimals(data.fold_r2[name])}"
        axes.set_title(f"{COMPARED.get(name, name)}\n{stats}")
        both += [*truth, *fit]
    for axes in panels:
        axes.set(xlim=limits(both), ylim=limits(both), aspect="equal")
        diagonal(axes)
        axes.locator_params(nbins=5)
    figure.supxlabel("true generalization gap")
    panels[0].set_ylabel("predicted gap")
    figure.suptitle(data.zoo)
    if len(named) > 1:
        legend(figure, panels[0], "zoo")


@final
@dataclass(frozen=True)
class Residuals:
    """Residuals of a fit beside its explanatory variables.

    Attributes:
        title: predictor and zoo.
        columns: names of the variables, shape (columns,).
        values: their values, shape (networks, columns).
        residuals: true minus predicted gap, shape (networks,).
    """

    title: str
    columns: tuple[str, ...]
    values: Vector
    residuals: Vector


def gather_residuals(sources: Sources) -> Residuals:
    """Residuals of the fit of the predictor chosen, else on the logs of all quartile statistics."""
    [name] = sources.names_of([PREDICTOR])
    result = sources.results_of([name])[name]
    ids = sorted(result.targets)
    values = np.array([result.signatures[network] for network in ids], np.float64)
    residuals = np.array([result.targets[n] - result.fit[n] for n in ids], np.float64)
    return Residuals(f"{name}, {result.zoo}", result.columns, values, residuals)


def paint_residuals(figure: "Figure", data: Residuals) -> None:
    """A row a tap, a column a statistic (Fig. 5 to 7)."""
    taps = list(dict.fromkeys(column.partition(".")[0] for column in data.columns))
    statistics = list(dict.fromkeys(column.partition(".")[2] for column in data.columns))
    figure.set_size_inches(1.9 * len(statistics) + 0.8, 1.7 * len(taps) + 0.8)
    panels = figure.subplots(len(taps), len(statistics), sharey=True, squeeze=False)
    for axes in panels.flat:
        axes.set_visible(False)
    for number, column in enumerate(data.columns):
        tap, _, statistic = column.partition(".")
        axes = panels[taps.index(tap), statistics.index(statistic)]
        axes.set_visible(True)
        axes.axhline(0, color=GRAY, linewidth=1, zorder=1)
        x = data.values[:, number]
        axes.scatter(x, data.residuals, s=9, color=BLUE, alpha=0.6, linewidths=0, zorder=2)
        if (x > 0).all():
            axes.set_xlim(x.min() / 1.1, x.max() * 1.1)
            decades(axes.xaxis)
        axes.tick_params(labelsize=8)
    for axes, statistic in zip(panels[0], statistics, strict=True):
        axes.set_title(statistic.replace("_", " "))
    for axes, tap in zip(panels[:, 0], taps, strict=True):
        axes.set_ylabel(tap)
    figure.supylabel("true minus predicted gap")
    figure.supxlabel("statistic of the normalized margins")
    figure.suptitle(data.title)


MARGINS = PaperFigure(
    "jiang2019-margins",
    "jiang2019",
    "1, 4 (middle, right)",
    "densities and box plots of normalized margins at every tap",
    "a zoo; measures three networks",
    gather_margins,
    paint_margins,
    most_predictors=1,
    most_networks=None,
)
LOG_DENSITIES = PaperFigure(
    "jiang2019-log-densities",
    "jiang2019",
    "3 (middle, right)",
    "log densities of normalized margins at every tap",
    "a zoo; measures three networks",
    gather_margins,
    paint_log_densities,
    most_predictors=1,
    most_networks=None,
)
PREDICTED = PaperFigure(
    "jiang2019-predicted",
    "jiang2019",
    "2, 3 (left), 4 (left), 8 to 10",
    "predicted against true gap",
    f"results of {', '.join(COMPARED)}; of a pool for 8 to 10",
    gather_fits,
    paint_fits,
    from_results=True,
    most_predictors=8,
)
RESIDUALS = PaperFigure(
    "jiang2019-residuals",
    "jiang2019",
    "5 to 7",
    "residuals over every explanatory variable",
    f"results of {PREDICTOR}",
    gather_residuals,
    paint_residuals,
    from_results=True,
    most_predictors=1,
)
