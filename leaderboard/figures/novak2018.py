"""Figures of Novak et al. 2018 on single networks: ellipses, boundaries, points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np

from demogen.errors import ZooError
from leaderboard.figures.details import Arrays, among_few, at_test_images, untrained
from leaderboard.figures.figure import PaperFigure
from leaderboard.figures.sources import Sources, captions
from leaderboard.figures.style import (
    BLUE,
    COLORS,
    GREEN,
    LINES,
    MARKERS,
    PALE,
    VERMILION,
    decades,
    legend,
)
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PREDICTOR = "jacobian-norm-train"

IMAGES = 1000
"""Images a figure looks at: test images in the paper's study of single points (A.5.6)."""

KINDS = {
    "random": "a random ellipse",
    "different": "through three training\nimages of different classes",
    "same": "through three training\nimages of one class",
}
QUANTITIES = {"jacobian_norm": "Jacobian norm", "transition_density": "transition density"}
ANCHORS = {np.pi / 3: "π/3\n(image 1)", np.pi: "π\n(image 2)", 5 * np.pi / 3: "5π/3\n(image 3)"}


@final
@dataclass(frozen=True)
class Ellipses:
    """Sensitivity along ellipses.

    Attributes:
        title: how many networks of which zoo.
        angle: in radians, shape (angles,).
        of: quantity → kind of ellipse → values, shape (networks, angles).
    """

    title: str
    angle: Vector
    of: Mapping[str, Mapping[str, Vector]]


def gather_ellipses(sources: Sources) -> Ellipses:
    """Of the networks chosen, else of eight from the largest gap to the smallest.

    Three of the first thousand training images are met, the same for networks on the same images.
    """
    ids = sources.spread(8, fitted=True)
    arrays = sources.details(PREDICTOR, ids, ["ellipse.angle"], partial(among_few, count=IMAGES))
    names = {
        quantity: [kind for kind in KINDS if all(f"ellipse.{kind}.{quantity}" in f for f in arrays)]
        for quantity in QUANTITIES
    }
    of = {
        quantity: {kind: _stacked(arrays, f"ellipse.{kind}.{quantity}") for kind in kinds}
        for quantity, kinds in names.items()
        if kinds
    }
    number = f"mean of {len(ids)} networks" if len(ids) > 1 else captions(ids)[0]
    title = f"{sources.given_zoo.name}: {number}"
    return Ellipses(title, np.asarray(arrays[0]["ellipse.angle"], np.float64), of)


def _stacked(arrays_of_networks: Sequence[Arrays], name: str) -> Vector:
    return np.stack([np.asarray(arrays[name], np.float64) for arrays in arrays_of_networks])


def paint_ellipses(figure: "Figure", data: Ellipses) -> None:
    """Means over networks with their standard error, a panel a quantity (Fig. 2)."""
    figure.set_size_inches(4.3 * len(data.of) + 2.2, 3.7)
    panels = figure.subplots(1, len(data.of), squeeze=False)[0]
    for axes, (quantity, kinds) in zip(panels, data.of.items(), strict=True):
        for number, kind in enumerate(KINDS):
            if kind not in kinds:
                continue
            mean, error = mean_and_error(kinds[kind])
            color, line = COLORS[number], LINES[number]
            axes.plot(data.angle, mean, color=color, linestyle=line, label=KINDS[kind])
            axes.fill_between(
                data.angle, mean - error, mean + error, color=color, alpha=0.2, linewidth=0
            )
        for angle in ANCHORS:
            axes.axvline(angle, color=PALE, linewidth=1, zorder=0)
        axes.set(xlim=(0, 2 * np.pi), title=QUANTITIES[quantity], xlabel="angle")
        axes.set_xticks(list(ANCHORS), list(ANCHORS.values()))
        lowest = min(float(values.mean(axis=0).min()) for values in kinds.values())
        if lowest > 0:
            axes.set_ylim(bottom=lowest / 1.5)
            decades(axes.yaxis)
    figure.suptitle(data.title)
    legend(figure, panels[0], "along")


def mean_and_error(values: Vector) -> tuple[Vector, Vector]:
    """Mean over the first axis and its standard error, zero for one value."""
    count = len(values)
    error = values.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else 0 * values[0]
    return values.mean(axis=0), error


@final
@dataclass(frozen=True)
class Boundaries:
    """Transition boundaries over a plane through three training images.

    Attributes:
        title: of the network.
        before: boundaries through each cell of [−1, 1]², before training, shape (side, side).
        after: after training, the same shape.
        anchors: where the three images lie, shape (3, 2).
        images: the three images, shape (3, ...).
    """

    title: str
    before: Vector
    after: Vector
    anchors: Vector
    images: Vector


def gather_boundaries(sources: Sources) -> Boundaries:
    """Of the network chosen first, else of the one with the smallest gap."""
    id = sources.one()
    wanted = ["slice.boundaries", "slice.anchors", "slice.images"]
    [after] = sources.details(PREDICTOR, [id], wanted, partial(among_few, count=IMAGES))
    [before] = sources.details(PREDICTOR, [id], wanted, partial(untrained, count=IMAGES))
    return Boundaries(
        f"{sources.given_zoo.name}: {captions([id])[0]}",
        before["slice.boundaries"],
        after["slice.boundaries"],
        after["slice.anchors"],
        after["slice.images"],
    )


def paint_boundaries(figure: "Figure", data: Boundaries) -> None:
    """The darker a cell, the more boundaries of the last activation's units it holds (Fig. 3)."""
    pictures = data.images.ndim == 4 and data.images.shape[1] in (1, 3)
    figure.set_size_inches(8.6 + 1.2 * pictures, 4.0)
    ratios = [0.28] * pictures + [1, 1]
    grid = figure.add_gridspec(1, len(ratios), width_ratios=ratios)
    most = max(float(np.quantile(each, 0.995)) for each in (data.before, data.after))
    panels = [figure.add_subplot(grid[column - 2]) for column in (0, 1)]
    for axes, title, counts in zip(
        panels, ("before training", "after training"), (data.before, data.after), strict=True
    ):
        shown = axes.imshow(
            counts, cmap="Greys", vmin=0, vmax=max(most, 1.0), extent=(-1, 1, -1, 1), origin="lower"
        )
        axes.set(title=title, xticks=[-1, 0, 1], yticks=[-1, 0, 1], xlabel="u", ylabel="v")
        for number, (u, v) in enumerate(data.anchors, 1):
            axes.text(
                u, v, str(number), color="white", ha="center", va="center", fontsize=9,
                bbox={"boxstyle": "circle,pad=0.25", "facecolor": VERMILION, "edgecolor": "white"},
            )  # fmt: skip
    figure.colorbar(shown, ax=panels, label="boundaries through a cell")
    figure.suptitle(data.title)
    if pictures:
        cells = grid[0].subgridspec(3, 1)
        for number, image in enumerate(data.images):
            _picture(figure.add_subplot(cells[number]), f"image {number + 1}", image)


def _picture(axes: "Axes", title: str, image: Vector) -> None:
    pixels = (image - image.min()) / (float(np.ptp(image)) or 1.0)
    axes.imshow(np.moveaxis(pixels, 0, -1).squeeze(), cmap="gray")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)


@final
@dataclass(frozen=True)
class Points:
    """Loss and Jacobian norm at single test images.

    Attributes:
        title: of the zoo.
        names: of the networks.
        of: for each network losses and norms, both above zero, shape (2, images).
        left_out: images whose loss or norm is zero to all digits.
    """

    title: str
    names: tuple[str, ...]
    of: tuple[Vector, ...]
    left_out: int


def gather_points(sources: Sources) -> Points:
    """Of the networks chosen, else of five from the largest gap to the smallest.

    choice: networks at equal distances in the order of the gap, where the paper draws them.
    """
    ids, zoo = sources.spread(5, fitted=True), sources.given_zoo
    pairs = [
        np.stack([arrays["cross_entropy"], arrays["jacobian_norm"]]).astype(np.float64)
        for arrays in sources.details(PREDICTOR, ids, seen=partial(at_test_images, count=IMAGES))
    ]
    kept = tuple(pair[:, (pair > 0).all(axis=0)] for pair in pairs)
    if not any(pair.size for pair in kept):
        raise ZooError(
            f"no test image of zoo {zoo.name} has a loss and a Jacobian norm above zero; choose "
            "other networks with --network"
        )
    lost = sum(pair.shape[1] - few.shape[1] for pair, few in zip(pairs, kept, strict=True))
    return Points(zoo.name, tuple(captions(ids)), kept, lost)


def paint_points(figure: "Figure", data: Points) -> None:
    """Jacobian norm against cross-entropy of single test images, a color a network (Fig. 6)."""
    figure.set_size_inches(7.6, 4.2)
    axes = figure.subplots()
    for number, (name, (losses, norms)) in enumerate(zip(data.names, data.of, strict=True)):
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        axes.scatter(
            losses, norms, s=9, color=color, marker=marker, alpha=0.5, linewidths=0, label=name
        )
    _loglog(axes, np.concatenate(data.of, axis=1))
    axes.set(xlabel="cross-entropy at a test image", ylabel="Jacobian norm there")
    note = f"\n{data.left_out} images with a value of 0 not shown" if data.left_out else ""
    axes.set_title(f"{data.title}{note}")
    legend(figure, axes)


def _loglog(axes: "Axes", pairs: Vector) -> None:
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    axes.set(xlim=(low[0] / 1.5, high[0] * 1.5), ylim=(low[1] / 1.5, high[1] * 1.5))
    decades(axes.xaxis, 6)
    decades(axes.yaxis, 6)


@final
@dataclass(frozen=True)
class Bounds:
    """Loss and Jacobian norms at single test images, and the curves of section A.3.

    Attributes:
        title: of the network.
        losses: shape (images,).
        rows: ‖J_y‖₂ of the label's row, shape (images,).
        norms: ‖J‖_F, shape (images,).
        at: losses of the curves, shape (points,), as are the next three.
        lower: lower bound of ‖J_y‖₂ and of ‖J‖_F (Eq. 5, 6).
        upper: upper bound of ‖J_y‖₂ (Eq. 5).
        norm: ‖J‖_F where all wrong classes are equally probable (Eq. 7).
    """

    title: str
    losses: Vector
    rows: Vector
    norms: Vector
    at: Vector
    lower: Vector
    upper: Vector
    norm: Vector


def gather_bounds(sources: Sources) -> Bounds:
    """Of the network chosen first, else of the one with the smallest gap."""
    zoo, id = sources.given_zoo, sources.one()
    [arrays] = sources.details(PREDICTOR, [id], seen=partial(at_test_images, count=IMAGES))
    names = ("cross_entropy", "target_row_norm", "jacobian_norm")
    curves = ("cross_entropy", "target_row_lower", "target_row_upper", "jacobian_norm")
    points = [np.asarray(arrays[name], np.float64) for name in names]
    lines = [np.asarray(arrays[f"bound.{name}"], np.float64) for name in curves]
    seen = (np.stack(points) > 0).all(axis=0)
    if not seen.any():
        raise ZooError(
            f"network {id} has no test image with a loss and Jacobian norms above zero; choose "
            "another with --network"
        )
    return Bounds(f"{zoo.name}: {captions([id])[0]}", *(p[seen] for p in points), *lines)


def paint_bounds(figure: "Figure", data: Bounds) -> None:
    """The label's row above with its bounds, the whole Jacobian below (Fig. App.11)."""
    figure.set_size_inches(7.2, 6.2)
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, norms in ((above, data.rows), (below, data.norms)):
        axes.scatter(
            data.losses, norms, s=9, color=BLUE, alpha=0.5, linewidths=0, label="test image"
        )
    how = {"color": VERMILION, "linewidth": 1.4}
    above.plot(data.at, data.lower, linestyle="--", label="lower bound (Eq. 5, 6)", **how)
    above.plot(data.at, data.upper, linestyle="-.", label="upper bound (Eq. 5)", color=GREEN)
    below.plot(data.at, data.lower, linestyle="--", **how)
    below.plot(data.at, data.norm, color="black", label="approximation (Eq. 7)")
    _loglog(above, np.stack([data.losses, data.rows]))
    _loglog(below, np.stack([data.losses, data.norms]))
    above.set_ylabel("norm of the label's row")
    below.set(ylabel="Jacobian norm", xlabel="cross-entropy at a test image")
    above.set_title(data.title)
    handles = {
        text: handle
        for axes in (above, below)
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside right upper")


ELLIPSES = PaperFigure(
    "novak2018-ellipses",
    "novak2018",
    "2 (center, right)",
    "Jacobian norm and transition density along ellipses",
    "a zoo; measures eight networks",
    gather_ellipses,
    paint_ellipses,
    most_networks=None,
    of_fitted=True,
)
BOUNDARIES = PaperFigure(
    "novak2018-boundaries",
    "novak2018",
    "3",
    "transition boundaries in a plane through three training images, before and after training",
    "a zoo; measures one network and its first weights",
    gather_boundaries,
    paint_boundaries,
    most_networks=1,
    of_fitted=True,
)
POINTS = PaperFigure(
    "novak2018-points",
    "novak2018",
    "6 (top), App.9 (top)",
    "Jacobian norm against cross-entropy at single test images",
    "a zoo; measures five networks",
    gather_points,
    paint_points,
    most_networks=None,
    of_fitted=True,
)
BOUNDS = PaperFigure(
    "novak2018-bounds",
    "novak2018",
    "App.11",
    "Jacobian norm against cross-entropy at test images, with the analytic bounds",
    "a zoo; measures one network",
    gather_bounds,
    paint_bounds,
    most_networks=1,
    of_fitted=True,
)
