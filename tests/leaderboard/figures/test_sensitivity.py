from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from demogen.errors import ZooError
from leaderboard.figures import sensitivity
from leaderboard.figures.matched_pairs import pairs
from leaderboard.figures.sources import Sources
from leaderboard.scoring.metrics import spearman
from tests.leaderboard.figures.made_up_zoos import crossed
from tests.leaderboard.figures.painting import painted, points, texts_overlap

PREDICTORS = (sensitivity.JACOBIAN, sensitivity.TRANSITIONS)


@pytest.fixture(scope="module")
def grid():
    return crossed()


@pytest.fixture(scope="module")
def measured(grid):
    """What results of the two predictors hold of it, as far as figures look."""
    draw = np.random.default_rng(8)
    return [
        SimpleNamespace(
            predictor=name,
            target="gap",
            split="kfold-10",
            zoo=grid.name,
            zoo_digest=grid.digest,
            columns=(sensitivity.FEATURES[name],),
            signatures={network: (draw.lognormal(),) for network in grid.table.index},
            targets=grid.table["gap"].to_dict(),
        )
        for name in PREDICTORS
    ]


def test_paired_plots_show_every_pair_against_the_line(grid, measured):
    data = sensitivity.gather_pairs(Sources(grid, measured))
    assert [(row.across, row.upwards) for row in data.rows] == [
        ("corruption: 0", "corruption: 1"),
        ("augmentation: wrap + flip", "augmentation: none"),
        ("activation: relu", "activation: hardsigmoid"),
        ("optimizer: momentum", "optimizer: lbfgs"),
    ]
    # Without augmentation all fit their training set, with it none; only that row takes them.
    assert [len(row.quantities["gap"][0].mean) for row in data.rows] == [8, 24, 12, 12]
    figure = painted(sensitivity.paint_pairs, data)
    panels = np.array(figure.axes).reshape(4, 3)
    means = grid.table.groupby("configuration")["gap"].mean()
    for cells, row, factor, levels in zip(
        panels,
        data.rows,
        ("corruption", "augmentation", "activation", "optimizer"),
        ((0.0, 1.0), (("wrap", "flip"), ()), ("relu", "hardsigmoid"), ("momentum", "lbfgs")),
        strict=True,
    ):
        found = pairs(grid.table, factor, *levels)
        if factor != "augmentation":
            found = [pair for pair in found if "wrap" not in pair[0]]
        expected = [(means[one], means[other]) for one, other in found]
        np.testing.assert_allclose(points(cells[0]), expected, atol=1e-12)
        assert cells[0].get_xlabel() == row.across
        assert cells[0].get_ylabel() == f"{row.upwards}  ({len(found)} pairs)"
        for axes in cells:
            (drawn,) = [each for each in axes.lines if len(each.get_xdata()) == 2]
            np.testing.assert_array_equal(drawn.get_xdata(), drawn.get_ydata())
            assert axes.get_xlim() == axes.get_ylim()
        assert [axes.get_xscale() for axes in cells] == ["linear", "log", "log"]
    titles = ["generalization gap", "Jacobian norm", "transitions"]
    assert [axes.get_title() for axes in panels[0]] == titles
    assert not texts_overlap(figure)


def test_zoos_without_pairs_are_refused(grid, measured):
    one = grid.table[(grid.table["activation"] == "relu") & (grid.table["optimizer"] == "lbfgs")]
    one = one[(one["corruption"] == 0) & (one["augmentation"].map(len) == 0)]
    alone = SimpleNamespace(name="alone", digest=grid.digest, table=one)
    with pytest.raises(ZooError, match="zoo alone has no two networks that differ in one of corr"):
        sensitivity.gather_pairs(Sources(alone, measured))


def test_the_gap_is_drawn_over_the_quantity_for_networks_that_fit(grid, measured):
    for gather, result in (
        (sensitivity.gather_jacobian, measured[0]),
        (sensitivity.gather_transitions, measured[1]),
    ):
        data = gather(Sources(grid, measured))
        values = pd.Series({network: value for network, (value,) in result.signatures.items()})
        fitted = grid.table[grid.table["train_accuracy"] == 1]
        groups = fitted.assign(value=values).groupby("configuration")[["value", "gap"]]
        figure = painted(sensitivity.paint_scatter, data)
        (axes,) = figure.axes
        np.testing.assert_allclose(points(axes), groups.mean().to_numpy(), atol=1e-12)
        np.testing.assert_allclose(data.gap.error, groups.sem()["gap"], rtol=1e-9)
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
        assert axes.get_xlabel() == sensitivity.LABELS[result.predictor]
        correlation = spearman(data.gap.mean, data.quantity.mean)
        assert axes.get_title() == f"grid: {len(groups)} configurations\nSpearman {correlation:.3f}"
        assert not texts_overlap(figure)


def test_all_copies_must_fit_their_training_set(grid, measured):
    table = grid.table.copy()
    table.loc[table["copy_number"] == 2, "train_accuracy"] = 0.5
    zoo = SimpleNamespace(name="half", digest=grid.digest, table=table)
    with pytest.raises(ZooError, match="0 of 48 configurations of zoo half reach a training accur"):
        sensitivity.gather_jacobian(Sources(zoo, measured))
    assert (
        len(sensitivity.gather_jacobian(Sources(zoo, measured, train_accuracy=0.5)).gap.mean) == 48
    )


def test_results_are_asked_for(grid, measured):
    with pytest.raises(ZooError, match="drawn from a zoo; name one with --zoo"):
        sensitivity.gather_jacobian(Sources(results=measured))
    only = sensitivity.gather_pairs(Sources(grid, measured[:1]))
    assert list(only.rows[0].quantities) == ["gap", "jacobian-norm"]


@pytest.mark.usefixtures("without_layout")
def test_the_same_sources_give_the_same_bytes(grid, measured):
    sources = Sources(grid, measured)
    assert sensitivity.GAP.draw(sources, "svg") == sensitivity.GAP.draw(sources, "svg")
