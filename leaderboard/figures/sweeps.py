"""Figures of Generalization Puzzles in Deep Networks (2019) along one quantity: width and N."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import ZooError
from leaderboard.figures.figure import PaperFigure
from leaderboard.figures.puzzles2019 import (
    NORMALIZED,
    TEST_LOSS,
    TRAIN_LOSS,
    column,
    normalizable,
    seen_test,
)
from leaderboard.figures.sources import Sources
from leaderboard.figures.style import BLUE, GRAY, ORANGE, SKY, VERMILION, decades
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TRAIN, TEST, DIFFERENCE = "training", "test", "test − training"
HOW = {TRAIN: (BLUE, "o", "-"), TEST: (VERMILION, "^", "--"), DIFFERENCE: (ORANGE, "s", "-.")}
ERROR = "classification error"

Panels = Mapping[str, Mapping[str, Vector]]


@final
@dataclass(frozen=True)
class Group:
    """Networks along one quantity.

    Attributes:
        title: what they have in common.
        x: the quantity, ascending and distinct, shape (points,).
        panels: name of what is measured → label of a line → values, shape (points,).
    """

    title: str
    x: Vector
    panels: Mapping[str, Mapping[str, Vector]]


@final
@dataclass(frozen=True)
class Sweep:
    """What becomes of networks along one quantity.

    Attributes:
        title: of the zoo.
        along: name of the quantity.
        groups: a column of panels each; the panels have the same names in all.
        mark: number of training images, where that is of the same kind as the quantity.
    """

    title: str
    along: str
    groups: tuple[Group, ...]
    mark: float | None = None


def gather_widths(sources: Sources) -> Sweep:
    """Classification errors of networks of several widths.

    choice: where several networks have as many parameters, their mean.
    """
    zoo, table = sources.given_zoo, sources.table.sort_index()
    if not any(_levels(table, name) > 1 for name in ("channels", "width")):
        raise ZooError(
            f"zoo {zoo.name} lacks networks of several widths; give a zoo that has them "
            "(convnet-cifar10-widthsweep, say)"
        )
    values = {part: 1 - column(table, f"{part}_accuracy") for part in ("train", "test")}
    lines = {TRAIN: values["train"], TEST: values["test"]}
    group = _group("", column(table, "parameters"), {ERROR: lines})
    sizes = set(_train_sizes(table))
    return Sweep(zoo.name, "parameters", (group,), sizes.pop() if len(sizes) == 1 else None)


def gather_errors(sources: Sources) -> Sweep:
    """Classification errors of networks on training sets of several sizes."""
    return _by_samples(sources, sources.table.sort_index(), _errors)


def gather_losses_by_samples(sources: Sources) -> Sweep:
    """Losses of networks on training sets of several sizes, before and after normalization."""
    return _by_samples(sources, normalizable(sources), _losses)


def paint_sweep(figure: "Figure", data: Sweep) -> None:
    """A column of panels a group, a line each for training, test and their difference."""
    names = list(data.groups[0].panels)
    figure.set_size_inches(3.6 * len(data.groups) + 1.9, 2.0 * len(names) + 1.2)
    panels = figure.subplots(len(names), len(data.groups), sharex=True, squeeze=False)
    for cells, group in zip(panels.T, data.groups, strict=True):
        for axes, name in zip(cells, names, strict=True):
            for label, values in group.panels[name].items():
                color, marker, line = HOW[label]
                axes.plot(group.x, values, color=color, marker=marker, linestyle=line, label=label)
            if list(group.panels[name]) == [DIFFERENCE]:
                axes.axhline(0, color=GRAY, linewidth=1, zorder=1)
            if data.mark is not None:
                axes.axvline(data.mark, color=SKY, linestyle=":", label="training\nimages")
        cells[0].set_title(group.title)
    for axes, name in zip(panels[:, 0], names, strict=True):
        axes.set_ylabel(name)
    ends = np.concatenate([group.x for group in data.groups])
    panels[0, 0].set_xlim(ends.min() / 1.25, ends.max() * 1.25)
    for axes in panels.flat:
        decades(axes.xaxis)
    figure.supxlabel(f"number of {data.along}")
    figure.suptitle(data.title)
    handles = {
        text: handle
        for axes in panels.flat
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside right upper")


def _by_samples(
    sources: Sources, table: "pd.DataFrame", panels: "Callable[[pd.DataFrame, bool], Panels]"
) -> Sweep:
    zoo, sizes = sources.given_zoo, _train_sizes(table)
    if len(set(sizes)) < 2:
        raise ZooError(
            f"zoo {zoo.name} lacks networks on training sets of several sizes; give a zoo that has "
            "them (convnet16-cifar10-nsweep, say)"
        )
    groups = []
    for title, corruption in (("true labels", 0.0), ("random labels", 1.0)):
        chosen = (table["corruption"] == corruption).to_numpy()
        if chosen.any():
            part = table[chosen]
            groups.append(_group(title, sizes[chosen], panels(part, corruption == 1)))
    if not groups:
        raise ZooError(
            f"no network of zoo {zoo.name} was trained on true labels alone or on random ones alone"
        )
    return Sweep(zoo.name, "training images, N", tuple(groups))


def _errors(table: "pd.DataFrame", random: bool) -> Panels:
    train = 1 - column(table, "train_accuracy")
    test = 1 - seen_test(table, np.full(len(table), random), "test_accuracy")
    return {ERROR: {TRAIN: train, TEST: test, DIFFERENCE: test - train}}


def _losses(table: "pd.DataFrame", random: bool) -> Panels:
    flags = np.full(len(table), random)
    plain = column(table, TRAIN_LOSS), seen_test(table, flags, TEST_LOSS)
    divided = column(table, NORMALIZED[0]), seen_test(table, flags, NORMALIZED[1])
    return {
        "cross-entropy": dict(zip((TRAIN, TEST), plain, strict=True)),
        "cross-entropy of f̃": dict(zip((TRAIN, TEST), divided, strict=True)),
        "difference, f̃": {DIFFERENCE: divided[1] - divided[0]},
    }


def _group(title: str, x: Vector, panels: Panels) -> Group:
    """Means over networks where the quantity is equal."""
    distinct, position = np.unique(x, return_inverse=True)
    counts = np.bincount(position)
    means = {
        name: {
            label: np.bincount(position, weights=values) / counts for label, values in lines.items()
        }
        for name, lines in panels.items()
    }
    return Group(title, distinct, means)


def _levels(table: "pd.DataFrame", name: str) -> int:
    return len(set(map(str, table[name].dropna()))) if name in table else 0


def _train_sizes(table: "pd.DataFrame") -> Vector:
    from demogen.schema.image_sets import facts

    return np.array(
        [
            facts(images).train_size if np.isnan(size) else size
            for images, size in zip(table["images"], column(table, "train_size"), strict=True)
        ]
    )


WIDTHS = PaperFigure(
    "puzzles2019-widths",
    "puzzles2019",
    "3",
    "classification error over the number of parameters",
    "a zoo's table, with networks of several widths",
    gather_widths,
    paint_sweep,
)
ERRORS = PaperFigure(
    "puzzles2019-errors",
    "puzzles2019",
    "1",
    "classification error over the number of training images",
    "a zoo's table, with training sets of several sizes",
    gather_errors,
    paint_sweep,
)
SAMPLES = PaperFigure(
    "puzzles2019-samples",
    "puzzles2019",
    "19",
    "losses before and after normalization over the number of training images",
    "a zoo's table, with training sets of several sizes",
    gather_losses_by_samples,
    paint_sweep,
)
