"""Figures of Novak et al. 2018 over many networks: gap against sensitivity, and matched pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from demogen.errors import ZooError
from demogen.format.factors import coded, level_text
from leaderboard.figures.figure import PaperFigure
from leaderboard.figures.matched_pairs import CopyMeans, mean_over_copies, pairs
from leaderboard.figures.sources import Sources
from leaderboard.figures.style import BLUE, GRAY, PALE, decades, limits
from leaderboard.results.result import Result
from leaderboard.scoring.metrics import Vector, spearman

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

JACOBIAN, TRANSITIONS = "jacobian-norm", "transitions"
LABELS = {"gap": "generalization gap", JACOBIAN: "Jacobian norm", TRANSITIONS: "transitions"}
FEATURES = {JACOBIAN: "jacobian_norm", TRANSITIONS: "transitions"}


@final
@dataclass(frozen=True)
class Scatter:
    """Gap against one quantity, a point a configuration.

    Attributes:
        title: of the zoo.
        label: name of the quantity.
        quantity: means over copies.
        gap: likewise.
    """

    title: str
    label: str
    quantity: CopyMeans
    gap: CopyMeans


def gather_jacobian(sources: Sources) -> Scatter:
    """Gap and Jacobian norm of the configurations whose copies all fit their training set."""
    return _scatter(sources, JACOBIAN)


def gather_transitions(sources: Sources) -> Scatter:
    """Gap and transitions of the configurations whose copies all fit their training set."""
    return _scatter(sources, TRANSITIONS)


def _scatter(sources: Sources, predictor: str) -> Scatter:
    zoo = sources.given_zoo
    result = sources.results_of([predictor])[predictor]
    fitted = set(map(str, sources.fitted.index))
    table = sources.table
    gap = _copy_means(sources, {i: value for i, value in result.targets.items() if i in fitted})
    quantity = _copy_means(sources, _feature(result))
    both = [configuration for configuration in sorted(gap) if configuration in quantity]
    if len(both) < 2:
        raise ZooError(
            f"{len(both)} of {table['configuration'].nunique()} configurations of zoo {zoo.name} "
            f"reach a training accuracy of {sources.train_accuracy:g} with all copies; lower "
            "--train-accuracy"
        )
    return Scatter(zoo.name, LABELS[predictor], _joined(quantity, both), _joined(gap, both))


def _feature(result: Result) -> dict[str, float]:
    place = result.columns.index(FEATURES[result.predictor])
    return {network: values[place] for network, values in result.signatures.items()}


def _copy_means(sources: Sources, values: Mapping[str, float]) -> dict[str, CopyMeans]:
    return mean_over_copies(sources.table, values)


def _joined(means: Mapping[str, CopyMeans], configurations: list[str]) -> CopyMeans:
    return CopyMeans(
        np.concatenate([means[name].mean for name in configurations]),
        np.concatenate([means[name].error for name in configurations]),
    )


def paint_scatter(figure: "Figure", data: Scatter) -> None:
    """Gap against the quantity, with pale error bars (Fig. 5, App.8)."""
    figure.set_size_inches(5.6, 4.2)
    axes = figure.subplots()
    _points(axes, data.quantity, data.gap)
    axes.set(ylim=limits(data.gap.mean), xlabel=data.label, ylabel=LABELS["gap"])
    _positive_axes(axes, data.quantity.mean, "x")
    correlation = spearman(data.gap.mean, data.quantity.mean)
    axes.set_title(f"{data.title}: {len(data.gap.mean)} configurations\nSpearman {correlation:.3f}")


def _points(axes: "Axes", x: CopyMeans, y: CopyMeans) -> None:
    axes.errorbar(
        x.mean, y.mean, xerr=x.error, yerr=y.error, fmt="none", ecolor=PALE, elinewidth=1, zorder=1
    )
    axes.scatter(x.mean, y.mean, s=18, color=BLUE, alpha=0.7, linewidths=0, zorder=2)


def _positive_axes(axes: "Axes", values: Vector, which: str) -> None:
    """Logarithmic axes with room for the values, where these are positive."""
    if values.min() > 0:
        low, high = values.min() / 1.25, values.max() * 1.25
        if "x" in which:
            axes.set_xlim(low, high)
            decades(axes.xaxis, 4)
        if "y" in which:
            axes.set_ylim(low, high)
            decades(axes.yaxis, 4)


@final
@dataclass(frozen=True)
class Comparison:
    """Pairs of configurations that differ in one setting.

    Attributes:
        across: name of the setting on the x axes.
        upwards: on the y axes.
        quantities: quantity → its means for the first and for the second of each pair.
    """

    across: str
    upwards: str
    quantities: Mapping[str, tuple[CopyMeans, CopyMeans]]


@final
@dataclass(frozen=True)
class Paired:
    """Comparisons of a zoo, a row each.

    Attributes:
        title: of the zoo.
        rows: at least one.
    """

    title: str
    rows: tuple[Comparison, ...]


@final
@dataclass(frozen=True)
class Setting:
    """A setting of Fig. 4.

    Attributes:
        factor: the column of the table.
        better: level on the x axis (the first that the zoo has).
        worse: level on the y axis (likewise); None: any other.
        fitted: pairs in which a network does not fit its training set are left out.
    """

    factor: str
    better: tuple[Any, ...]
    worse: tuple[Any, ...] | None
    fitted: bool = True


SETTINGS = (
    Setting("corruption", (0.0,), None),
    Setting("augmentation", (), ((),), fitted=False),
    Setting("activation", ("relu",), ("hardsigmoid", "hardtanh", "tanh", "relu6")),
    Setting("optimizer", ("momentum", "sgd", "adam", "rmsprop"), ("lbfgs",)),
)
"""The rows of Fig. 4. Without augmentation is the worse level, with any the better."""


def gather_pairs(sources: Sources) -> Paired:
    """Pairs for each setting of Fig. 4 in which networks of the zoo differ.

    choice: of corruption, no corrupted labels are compared with the most there are; of the other
    settings the levels that the paper compares, or the next best that the zoo has.
    """
    zoo, table = sources.given_zoo, sources.table
    results = sources.results_of([JACOBIAN, TRANSITIONS])
    values = {"gap": dict(next(iter(results.values())).targets)}
    values |= {name: _feature(result) for name, result in results.items()}
    fitted = set(map(str, table.index[table["train_accuracy"] >= sources.train_accuracy]))
    rows = []
    for setting in SETTINGS:
        kept = {
            name: {i: v for i, v in of.items() if i in fitted or not setting.fitted}
            for name, of in values.items()
        }
        if comparison := _comparison(sources, setting, kept):
            rows.append(comparison)
    if not rows:
        names = ", ".join(setting.factor for setting in SETTINGS)
        raise ZooError(
            f"zoo {zoo.name} has no two networks that differ in one of {names} alone and reach a "
            f"training accuracy of {sources.train_accuracy:g}; lower --train-accuracy or give "
            "another zoo with --zoo"
        )
    return Paired(zoo.name, tuple(rows))


def _comparison(
    sources: Sources, setting: Setting, values: Mapping[str, Mapping[str, float]]
) -> Comparison | None:
    table = sources.table
    if setting.factor not in table:
        return None
    levels = [level for level in coded(table, setting.factor)[1] if level is not None]
    worse = _first(levels, setting.worse or tuple(reversed(levels)))
    better = _first([level for level in levels if level != worse], setting.better or tuple(levels))
    if worse is None or better is None:
        return None
    means = {name: _copy_means(sources, of) for name, of in values.items()}
    known = set.intersection(*(set(of) for of in means.values()))
    matched = [
        pair for pair in pairs(table, setting.factor, better, worse) if known.issuperset(pair)
    ]
    if not matched:
        return None
    first, second = ([pair[side] for pair in matched] for side in (0, 1))
    return Comparison(
        f"{setting.factor}: {level_text(better)}",
        f"{setting.factor}: {level_text(worse)}",
        {name: (_joined(of, first), _joined(of, second)) for name, of in means.items()},
    )


def _first(levels: list[Any], wanted: tuple[Any, ...]) -> Any:
    return next((level for level in wanted if level in levels), None)


def paint_pairs(figure: "Figure", data: Paired) -> None:
    """A row a setting, a column a quantity, each point a pair, with the line y = x (Fig. 4)."""
    names = list(data.rows[0].quantities)
    figure.set_size_inches(3.1 * len(names) + 0.4, 3.1 * len(data.rows) + 0.8)
    panels = figure.subplots(len(data.rows), len(names), squeeze=False)
    for cells, row in zip(panels, data.rows, strict=True):
        for axes, name in zip(cells, names, strict=True):
            x, y = row.quantities[name]
            _points(axes, x, y)
            both = np.concatenate([x.mean, y.mean])
            axes.set(xlim=limits(both), ylim=limits(both))
            if name != "gap":
                _positive_axes(axes, both, "xy")
            axes.plot(axes.get_xlim(), axes.get_xlim(), color=GRAY, linewidth=1, zorder=1)
            axes.set(xlabel=row.across, box_aspect=1)
        cells[0].set_ylabel(f"{row.upwards}  ({len(row.quantities['gap'][0].mean)} pairs)")
    for axes, name in zip(panels[0], names, strict=True):
        axes.set_title(LABELS[name])
    figure.suptitle(data.title)


PAIRS = PaperFigure(
    "novak2018-pairs",
    "novak2018",
    "4",
    "gap, Jacobian norm and transitions of pairs that differ in one setting, against y = x",
    f"a zoo's table; results of {JACOBIAN}, {TRANSITIONS}",
    gather_pairs,
    paint_pairs,
    from_results=True,
    of_fitted=True,
)
GAP = PaperFigure(
    "novak2018-gap",
    "novak2018",
    "5",
    "generalization gap against Jacobian norm",
    f"a zoo's table; results of {JACOBIAN}",
    gather_jacobian,
    paint_scatter,
    from_results=True,
    of_fitted=True,
)
GAP_TRANSITIONS = PaperFigure(
    "novak2018-transitions",
    "novak2018",
    "App.8",
    "generalization gap against transitions",
    f"a zoo's table; results of {TRANSITIONS}",
    gather_transitions,
    paint_scatter,
    from_results=True,
    of_fitted=True,
)
