"""Figures of Generalization Puzzles in Deep Networks (2019), the later version of liao2018."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from demogen.errors import ZooError
from leaderboard.figures.figure import PaperFigure
from leaderboard.figures.sources import Sources, captions
from leaderboard.figures.style import (
    BLUE,
    GRAY,
    VERMILION,
    decades,
    legend,
    limits,
)
from leaderboard.scoring.metrics import SimpleFit, Vector, simple_fit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Flags = npt.NDArray[np.bool_]

TRAIN_LOSS, TEST_LOSS = "train_cross_entropy", "test_cross_entropy"
NORMALIZED = "train_normalized_cross_entropy", "test_normalized_cross_entropy"


@final
@dataclass(frozen=True)
class Losses:
    """Training and test losses of networks, before and after normalization, nats.

    Attributes:
        title: of the zoo.
        plain: training and test loss as the networks stand, shape (2, networks).
        normalized: of the normalized networks f̃, shape (2, networks).
        random: whether a network was trained on random labels alone, shape (networks,).
        fit: line through the normalized losses of the others.
    """

    title: str
    plain: Vector
    normalized: Vector
    random: Flags
    fit: SimpleFit


def gather_losses(sources: Sources) -> Losses:
    """Losses from the table, of the networks that have a normalized loss.

    choice: the line is fitted to the networks on true labels, slope and intercept free, as the
    papers' appendices print them (the caption of Fig. 2 speaks of a line of slope 1).
    """
    kept = normalizable(sources)
    random = (kept["corruption"] == 1).to_numpy()
    plain = np.stack([column(kept, TRAIN_LOSS), seen_test(kept, random, TEST_LOSS)])
    divided = np.stack([column(kept, NORMALIZED[0]), seen_test(kept, random, NORMALIZED[1])])
    if (~random).sum() < 3:
        raise ZooError(
            f"zoo {sources.given_zoo.name} has {(~random).sum()} networks on true labels; a line "
            "needs three"
        )
    train, test = divided[:, ~random]
    return Losses(sources.given_zoo.name, plain, divided, random, simple_fit(test, train))


def normalizable(sources: Sources) -> "pd.DataFrame":
    """The rows of the table that have normalized losses, in the order of their ids.

    Raises:
        ZooError: none has.
    """
    table = sources.table
    kept = table[table[list(NORMALIZED)].notna().all(axis=1)].sort_index()
    if not len(kept):
        raise ZooError(
            f"no network of zoo {sources.given_zoo.name} has a normalized loss: none is positively "
            "homogeneous; give a zoo of plain ReLU networks with --zoo"
        )
    return kept


def column(table: "pd.DataFrame", name: str) -> Vector:
    """A column of numbers, shape (networks,); NaN where there is none."""
    return table[name].to_numpy(np.float64)


def seen_test(table: "pd.DataFrame", random: Flags, name: str) -> Vector:
    """What `name` says of test images, shape (networks,).

    For networks on random labels it is against random test labels, where that is recorded.
    """
    corrupted = column(table, f"corrupted_{name}")
    return np.where(random & np.isfinite(corrupted), corrupted, column(table, name))


def paint_losses(figure: "Figure", data: Losses) -> None:
    """Test against training loss, before and after normalization, with the line (Fig. 2)."""
    figure.set_size_inches(10.4, 4.0)
    before, after = figure.subplots(1, 2)
    for axes, (train, test) in ((before, data.plain), (after, data.normalized)):
        for kept, color, marker, name in (
            (~data.random, BLUE, "o", "true labels"),
            (data.random, VERMILION, "^", "random labels"),
        ):
            if kept.any():
                axes.scatter(
                    train[kept], test[kept], s=24, color=color, marker=marker, alpha=0.75,
                    linewidths=0, label=name, zorder=3,
                )  # fmt: skip
        axes.set(xlabel="training cross-entropy", ylabel="test cross-entropy")
    before.set_title(f"{data.title}: networks as they stand")
    if data.plain[0].min() > 0:
        before.set_xlim(data.plain[0].min() / 1.3, data.plain[0].max() * 1.3)
        decades(before.xaxis)
    fit = data.fit
    x = np.array(limits(data.normalized[0]))
    after.plot(x, fit.intercept + fit.slope * x, color="black", linewidth=1.2, label="fitted line")
    after.set(xlim=x, ylim=limits([*data.normalized[1], *(fit.intercept + fit.slope * x)]))
    _identity(after, x)
    sign = "−" if fit.intercept < 0 else "+"
    after.set_title(
        f"normalized: test = {fit.slope:.4f} · training {sign} {abs(fit.intercept):.4f}\n"
        f"R² = {fit.r2:.4f}, RMSE = {fit.rmse:.3g}"
    )
    after.locator_params(nbins=5)
    legend(figure, after)


def _identity(axes: "Axes", x: Vector) -> None:
    axes.plot(x, x, color=GRAY, linewidth=1, linestyle=":", label="test = training", zorder=1)


@final
@dataclass(frozen=True)
class Outputs:
    """Largest outputs of normalized networks.

    Attributes:
        titles: of the networks.
        of: for each, f̃ of the most likely class at every training image, shape (images,).
    """

    titles: tuple[str, ...]
    of: tuple[Vector, ...]


def gather_outputs(sources: Sources) -> Outputs:
    """Of the networks chosen, else of three from the largest gap to the smallest."""
    ids = sources.spread(3)
    wanted = ("largest_output",)
    outputs = tuple(
        np.asarray(arrays["largest_output"], np.float64)
        for arrays in sources.details("normalized-loss", ids, wanted)
    )
    return Outputs(tuple(captions(ids)), outputs)


def paint_outputs(figure: "Figure", data: Outputs) -> None:
    """Histograms of f̃ for the most likely class (Fig. 20)."""
    figure.set_size_inches(max(4.5, 3.3 * len(data.of) + 0.4), 3.4)
    panels = figure.subplots(1, len(data.of), squeeze=False)[0]
    for axes, title, values in zip(panels, data.titles, data.of, strict=True):
        axes.hist(values, bins=50, color=BLUE, edgecolor="white", linewidth=0.3)
        axes.axvline(values.mean(), color="black", linewidth=1, linestyle="--")
        axes.set_title(f"{title}\nmean {values.mean():.4g}, std {values.std():.3g}")
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_ylabel("training images")
    figure.supxlabel("f̃ of the most likely class")


LOSSES = PaperFigure(
    "puzzles2019-losses",
    "puzzles2019",
    "2 (a, b); liao2018 3 to 6, 10, 11",
    "test against training loss before and after normalization, with the fitted line",
    "a zoo's table, with normalized losses",
    gather_losses,
    paint_losses,
)
OUTPUTS = PaperFigure(
    "puzzles2019-outputs",
    "puzzles2019",
    "20",
    "histogram of the normalized network's largest output",
    "a zoo; measures three networks",
    gather_outputs,
    paint_outputs,
    most_networks=None,
)
