"""Figures of Zhao et al. 2021: unit ablation, its two quantities, and what they predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import ResultError, ZooError
from leaderboard.figures.details import Arrays
from leaderboard.figures.figure import PaperFigure
from leaderboard.figures.sources import Sources, captions
from leaderboard.figures.style import (
    BLUE,
    COLORS,
    GRADUAL,
    GREEN,
    MARKERS,
    PALE,
    VERMILION,
    diagonal,
    grid_shape,
    legend,
    limits,
    shortened,
)
from leaderboard.results.result import Result
from leaderboard.scoring.metrics import Vector, pearson, ssr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PREDICTOR = "unit-sparsity"
MARGINS = "margin-quartiles-log"
"""What the paper compares with (Fig. 3E)."""

DIVISIONS = "holdout-100"


@final
@dataclass(frozen=True)
class Ablations:
    """Unit ablation of a few networks.

    Attributes:
        titles: of each network.
        label: the class whose curves are shown.
        of: for each network the arrays of `unit-sparsity`.
    """

    titles: tuple[str, ...]
    label: int
    of: tuple[Arrays, ...]


def gather_ablations(sources: Sources) -> Ablations:
    """Curves of the networks chosen, else of six from the largest gap to the smallest.

    choice: the paper does not say which class it shows; here it is the first that all of these
    networks have training images of.
    """
    ids = sources.spread(6)
    wanted = ("classes", "descending", "ascending", "n0", "n0_r", "zeta", "kappa")
    arrays = tuple(sources.details(PREDICTOR, ids, wanted))
    common = set.intersection(*({int(label) for label in each["classes"]} for each in arrays))
    if not common:
        raise ZooError("these networks have no class in common; choose others with --network")
    gaps = sources.table["gap"]
    titles = [
        f"{caption}\ngap {gaps[i]:.1%}" for caption, i in zip(captions(ids), ids, strict=True)
    ]
    return Ablations(tuple(titles), min(common), arrays)


def paint_curves(figure: "Figure", data: Ablations) -> None:
    """E and E_r of one class with their turning points, the area between them gray (Fig. 1, 2A)."""
    rows, columns = grid_shape(len(data.of), 3)
    figure.set_size_inches(2.9 * columns + 1.5, 2.5 * rows + 0.7)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(data.of) :]:
        axes.set_visible(False)
    for axes, title, arrays in zip(panels.flat, data.titles, data.of, strict=False):
        row = int(np.flatnonzero(arrays["classes"] == data.label)[0])
        E, E_r = arrays["descending"][row], arrays["ascending"][row]
        n = np.arange(len(E))
        axes.fill_between(n, E, E_r, color=PALE, linewidth=0)
        axes.plot(n, E, color=BLUE, label="E, most\nactive first")
        axes.plot(n, E_r, color=GREEN, linestyle="--", label="Eᵣ, least\nactive first")
        for at, curve, color, marker in (
            (int(arrays["n0"][row]), E, BLUE, "o"),
            (int(arrays["n0_r"][row]), E_r, GREEN, "s"),
        ):
            axes.plot(
                [at],
                [curve[at]],
                marker,
                color=color,
                markeredgecolor="black",
                clip_on=False,
                zorder=4,
            )
        axes.set(xlim=(0, len(E) - 1), ylim=(0, 1.02))
        axes.set_title(title)
    figure.supxlabel("units removed, n")
    figure.supylabel(f"accuracy on training images of class {data.label}")
    legend(figure, panels[0, 0])


def paint_classes(figure: "Figure", data: Ablations) -> None:
    """(ζ, κ) of every class, a color a network (Fig. 2B)."""
    figure.set_size_inches(6.2, 4.0)
    axes = figure.subplots()
    for number, (title, arrays) in enumerate(zip(data.titles, data.of, strict=True)):
        axes.scatter(
            arrays["zeta"],
            arrays["kappa"],
            s=30,
            color=COLORS[number % len(COLORS)],
            marker=MARKERS[number % len(MARKERS)],
            alpha=0.75,
            linewidths=0,
            label=title,
        )
    axes.set(xlabel="ζ of a class", ylabel="κ of a class")
    figure.legend(loc="outside right upper", labelspacing=0.9)


@final
@dataclass(frozen=True)
class Quantities:
    """ζ and κ of the networks of a zoo, and their gaps.

    Attributes:
        zoo: its name.
        zeta: shape (networks,), as are the other two.
        kappa: of the same networks.
        gap: of the same networks.
    """

    zoo: str
    zeta: Vector
    kappa: Vector
    gap: Vector


def gather_quantities(sources: Sources) -> Quantities:
    """The signatures of unit-sparsity."""
    result = sources.results_of([PREDICTOR])[PREDICTOR]
    zeta, kappa = result.columns.index("zeta"), result.columns.index("kappa")
    ids = sorted(result.targets)
    rows = np.array([result.signatures[network] for network in ids], np.float64)
    gap = np.array([result.targets[network] for network in ids], np.float64)
    return Quantities(result.zoo, rows[:, zeta], rows[:, kappa], gap)


def paint_quantities(figure: "Figure", data: Quantities) -> None:
    """(ζ, κ) of every network colored by its gap, and each of them against the gap (Fig. 3A, B)."""
    figure.set_size_inches(10.2, 3.5)
    first, *others = figure.subplots(1, 3)
    how = {"s": 18, "c": data.gap, "cmap": GRADUAL, "linewidths": 0}
    shown = first.scatter(data.zeta, data.kappa, **how)
    first.set(xlabel="ζ", ylabel="κ", title=data.zoo)
    for axes, name, values in zip(others, ("ζ", "κ"), (data.zeta, data.kappa), strict=True):
        axes.scatter(values, data.gap, **how)
        correlation = pearson(data.gap, values)
        axes.set(xlabel=name, ylabel="generalization gap", title=f"Pearson {correlation:.3f}")
    figure.colorbar(shown, ax=others[-1], label="generalization gap")


@final
@dataclass(frozen=True)
class Estimate:
    """One division of a zoo's networks: a fit on most, and what it says of the rest.

    Attributes:
        title: what was fitted.
        fitted: true and predicted gaps of the networks fitted, shape (2, fitted).
        tested: of those held out, shape (2, tested).
    """

    title: str
    fitted: Vector
    tested: Vector


def gather_estimates(sources: Sources) -> list[Estimate]:
    """The first division of holdout-100, by unit-sparsity and by margins."""
    results = sources.results_of([PREDICTOR, MARGINS], DIVISIONS)
    return [_estimate(sources, name, result) for name, result in results.items()]


def _estimate(sources: Sources, name: str, result: Result) -> Estimate:
    from sklearn.base import clone

    if not result.folds:
        raise ResultError(f"the result of {name} on {DIVISIONS} has no folds to draw")
    regressor = sources.regressor_of(result)
    fold = result.folds[0]
    train = sorted(set(result.targets) - set(fold.ids))
    X = np.array([result.signatures[network] for network in train], np.float64)
    y = np.array([result.targets[network] for network in train], np.float64)
    predicted = np.asarray(clone(regressor).fit(X.copy(), y).predict(X), np.float64)
    tested = np.array([[result.targets[network] for network in fold.ids], fold.predictions])
    return Estimate(name, np.stack([y, predicted]), tested)


def paint_estimates(figure: "Figure", data: Sequence[Estimate]) -> None:
    """Estimated against true gap of fitted and of tested networks, one division (Fig. 3C, E)."""
    figure.set_size_inches(max(4.0, 3.6 * len(data) + 1.3), 4.5)
    panels = figure.subplots(1, len(data), sharex=True, sharey=True, squeeze=False)[0]
    both = np.concatenate([np.ravel(part) for each in data for part in (each.fitted, each.tested)])
    for axes, each in zip(panels, data, strict=True):
        axes.set(xlim=limits(both), ylim=limits(both), aspect="equal")
        diagonal(axes)
        axes.scatter(*each.fitted, s=16, color=BLUE, marker="o", linewidths=0, label="fitted")
        axes.scatter(*each.tested, s=30, color=VERMILION, marker="^", linewidths=0, label="tested")
        fit, squares = pearson(*each.fitted), ssr(*each.tested)
        axes.set_title(f"{shortened(each.title)}\nPearson {fit:.3f}, SSR {squares:.3g}")
        axes.locator_params(nbins=5)
    figure.supxlabel("true generalization gap")
    panels[0].set_ylabel("estimated gap")
    legend(figure, panels[0])


@final
@dataclass(frozen=True)
class Sums:
    """Sums of squared residuals over many divisions.

    Attributes:
        zoo: name of the zoo.
        tested: mean number of test networks in a division.
        of: predictor → the sum of each division, shape (divisions,).
    """

    zoo: str
    tested: float
    of: Mapping[str, Vector]


def gather_sums(sources: Sources) -> Sums:
    """SSR of each division of holdout-100, by unit-sparsity and by margins."""
    results = sources.results_of([PREDICTOR, MARGINS], DIVISIONS)
    sums = {
        name: np.array([value for value in result.scores.ssr or () if value is not None])
        for name, result in results.items()
    }
    if empty := [name for name, values in sums.items() if not len(values)]:
        raise ResultError(f"the result of {empty[0]} on {DIVISIONS} has no division to draw")
    first = next(iter(results.values()))
    return Sums(first.zoo, first.scores.test_networks or 0.0, sums)


def paint_sums(figure: "Figure", data: Sums) -> None:
    """Histogram of SSR over the divisions, a panel a predictor, equal bins (Fig. 3D)."""
    figure.set_size_inches(5.4, 1.9 * len(data.of) + 1.0)
    panels = figure.subplots(len(data.of), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    highest = max(float(values.max()) for values in data.of.values())
    bins = np.linspace(0, highest or 1.0, 26)
    for axes, color, (name, values) in zip(panels, COLORS, data.of.items(), strict=False):
        axes.hist(values, bins=list(bins), color=color, edgecolor="white", linewidth=0.5)
        _mark(axes, float(values.mean()))
        axes.set_title(f"{name}: mean {values.mean():.3g}, largest {values.max():.3g}")
    panels[-1].set_xlabel(f"sum of squared residuals over {data.tested:g} networks")
    figure.supylabel(f"divisions of {data.zoo}")


def _mark(axes: "Axes", at: float) -> None:
    axes.axvline(at, color="black", linewidth=1, linestyle="--")


CURVES = PaperFigure(
    "zhao2021-ablation",
    "zhao2021",
    "1, 2A",
    "accuracy on a class while units are removed, with turning points",
    "a zoo; measures six networks",
    gather_ablations,
    paint_curves,
    most_networks=None,
)
CLASSES = PaperFigure(
    "zhao2021-classes",
    "zhao2021",
    "2B",
    "ζ and κ of every class",
    "a zoo; measures six networks",
    gather_ablations,
    paint_classes,
    most_networks=None,
)
QUANTITIES = PaperFigure(
    "zhao2021-quantities",
    "zhao2021",
    "3A, 3B",
    "ζ and κ of every network, and the gap against each",
    f"results of {PREDICTOR}",
    gather_quantities,
    paint_quantities,
    from_results=True,
)
ESTIMATES = PaperFigure(
    "zhao2021-estimates",
    "zhao2021",
    "3C, 3E",
    "estimated against true gap on one division",
    f"results of {PREDICTOR}, {MARGINS} on {DIVISIONS}",
    gather_estimates,
    paint_estimates,
    from_results=True,
)
SUMS = PaperFigure(
    "zhao2021-ssr",
    "zhao2021",
    "3D",
    "sums of squared residuals over a hundred divisions",
    f"results of {PREDICTOR}, {MARGINS} on {DIVISIONS}",
    gather_sums,
    paint_sums,
    from_results=True,
)
