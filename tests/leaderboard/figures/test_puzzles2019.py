from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from baselines.normalized_loss import NormalizedLoss
from demogen.errors import ZooError
from leaderboard.figures import puzzles2019, sweeps
from leaderboard.figures.sources import Sources
from leaderboard.figures.style import limits
from tests.leaderboard.figures.painting import line, painted, points, texts_overlap

SIZES = (500, 1000, 5000, None)


def swept(sizes=SIZES, corruptions=(0.0, 1.0), copies=2):
    """A zoo whose networks saw training sets of several sizes, with made-up outcomes."""
    draw = np.random.default_rng(5)
    rows = []
    for corruption in corruptions:
        for size in sizes:
            for copy in range(copies):
                train, test = np.sort(draw.uniform(0, 1, 2))
                rows.append(
                    {
                        "id": f"net-{corruption}-{size}-{copy}",
                        "images": "cifar10",
                        "train_size": size,
                        "corruption": corruption,
                        "channels": (16, 16),
                        "parameters": 9978,
                        "train_accuracy": test,
                        "test_accuracy": train,
                        "train_cross_entropy": train,
                        "test_cross_entropy": test,
                        "train_normalized_cross_entropy": 2.3 + 1e-5 * train,
                        "test_normalized_cross_entropy": 2.3 + 1e-5 * test,
                        "corrupted_test_accuracy": train / 2,
                        "corrupted_test_cross_entropy": 2 * test,
                        "corrupted_test_normalized_cross_entropy": 2.3 + 2e-5 * test,
                    }
                )
    table = pd.DataFrame(rows).set_index("id").sample(frac=1, random_state=1)
    return SimpleNamespace(name="swept", table=table)


def test_losses_are_drawn_before_and_after_normalization(tiny_zoo):
    data = puzzles2019.gather_losses(Sources(tiny_zoo))
    figure = painted(puzzles2019.paint_losses, data)
    before, after = figure.axes
    table = tiny_zoo.table.sort_index()
    for axes, kind in ((before, ""), (after, "normalized_")):
        names = [f"{part}_{kind}cross_entropy" for part in ("train", "test")]
        np.testing.assert_array_equal(points(axes), table[names].to_numpy())
        assert axes.get_xlabel() == "training cross-entropy"
    x, y = line(after, "fitted line")
    slope, intercept = np.polyfit(*data.normalized, 1)
    np.testing.assert_allclose(y, slope * x + intercept, rtol=1e-9)
    np.testing.assert_array_equal(x, limits(data.normalized[0]))
    assert f"test = {slope:.4f} · training" in after.get_title()
    assert before.get_xscale() == "log"
    assert not texts_overlap(figure)


def test_networks_on_random_labels_are_marked_and_not_fitted():
    zoo = swept()
    data = puzzles2019.gather_losses(Sources(zoo))
    table = zoo.table.sort_index()
    true = table[table["corruption"] == 0]
    names = ["train_normalized_cross_entropy", "test_normalized_cross_entropy"]
    slope, _ = np.polyfit(*(true[names] - 2.3).to_numpy().T, 1)
    assert data.fit.slope == pytest.approx(slope, rel=1e-6)
    np.testing.assert_array_equal(
        data.plain[1][data.random], 2 * table["test_cross_entropy"][data.random].to_numpy()
    )
    figure = painted(puzzles2019.paint_losses, data)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["true labels", "random labels", "fitted line", "test = training"]
    assert [len(shape.get_offsets()) for shape in figure.axes[1].collections] == [8, 8]
    assert not texts_overlap(figure)


def test_a_zoo_without_normalized_losses_or_without_true_labels_is_refused():
    zoo = swept()
    none = SimpleNamespace(
        name="resnets", table=zoo.table.assign(train_normalized_cross_entropy=np.nan)
    )
    for gather in (puzzles2019.gather_losses, sweeps.gather_losses_by_samples):
        with pytest.raises(ZooError, match="no network of zoo resnets has a normalized loss"):
            gather(Sources(none))
    with pytest.raises(ZooError, match="zoo swept has 0 networks on true labels; a line needs"):
        puzzles2019.gather_losses(Sources(swept(corruptions=(1.0,))))


def test_errors_and_losses_over_training_images_are_means_over_copies():
    zoo = swept()
    for gather, names, true_test, random_test in (
        (
            sweeps.gather_errors,
            ["classification error"],
            lambda table: 1 - table["test_accuracy"],
            lambda table: 1 - table["corrupted_test_accuracy"],
        ),
        (
            sweeps.gather_losses_by_samples,
            ["cross-entropy", "cross-entropy of f̃", "difference, f̃"],
            lambda table: table["test_cross_entropy"],
            lambda table: table["corrupted_test_cross_entropy"],
        ),
    ):
        data = gather(Sources(zoo))
        assert [group.title for group in data.groups] == ["true labels", "random labels"]
        for group, test, corruption in zip(
            data.groups, (true_test, random_test), (0, 1), strict=True
        ):
            assert group.x.tolist() == [500, 1000, 5000, 50_000]
            part = zoo.table[zoo.table["corruption"] == corruption]
            means = test(part).groupby(part["train_size"].fillna(50_000)).mean()
            np.testing.assert_allclose(group.panels[names[0]]["test"], means)
        figure = painted(sweeps.paint_sweep, data)
        panels = np.array(figure.axes).reshape(len(names), 2)
        for axes, name in zip(panels[:, 1], names, strict=True):
            for label, values in data.groups[1].panels[name].items():
                x, y = line(axes, label)
                np.testing.assert_array_equal((x, y), (data.groups[1].x, values))
        assert {axes.get_xscale() for axes in figure.axes} == {"log"}
        assert [axes.get_ylabel() for axes in panels[:, 0]] == names
        assert figure.get_supxlabel() == "number of training images, N"
        assert not texts_overlap(figure)


def test_the_difference_is_of_test_and_training_losses_of_the_normalized_network():
    group = sweeps.gather_losses_by_samples(Sources(swept())).groups[0]
    divided = group.panels["cross-entropy of f̃"]
    difference = group.panels["difference, f̃"]["test − training"]
    np.testing.assert_allclose(difference, divided["test"] - divided["training"], atol=1e-15)
    assert (difference > 0).all()


def test_the_error_over_widths(tiny_zoo):
    data = sweeps.gather_widths(Sources(tiny_zoo))
    (group,) = data.groups
    table = tiny_zoo.table
    means = 1 - table.groupby("parameters")["test_accuracy"].mean()
    np.testing.assert_array_equal(group.x, means.index)
    np.testing.assert_allclose(group.panels["classification error"]["test"], means)
    assert data.mark == 100
    figure = painted(sweeps.paint_sweep, data)
    (axes,) = figure.axes
    assert line(axes, "training\nimages")[0].tolist() == [100, 100]
    np.testing.assert_array_equal(
        line(axes, "test")[1], group.panels["classification error"]["test"]
    )
    assert figure.get_supxlabel() == "number of parameters"
    assert not texts_overlap(figure)


def test_sweeps_that_a_zoo_does_not_hold_are_refused(tiny_zoo):
    with pytest.raises(ZooError, match="zoo tiny lacks networks on training sets of several sizes"):
        sweeps.gather_errors(Sources(tiny_zoo))
    with pytest.raises(ZooError, match="zoo swept lacks networks of several widths; give a zoo"):
        sweeps.gather_widths(Sources(swept()))
    with pytest.raises(ZooError, match="no network of zoo swept was trained on true labels alone"):
        sweeps.gather_errors(Sources(swept(corruptions=(0.5,))))


def test_outputs_are_those_of_the_normalized_network(tiny_zoo):
    sources = Sources(tiny_zoo)
    data = puzzles2019.gather_outputs(sources)
    figure = painted(puzzles2019.paint_outputs, data)
    assert len(figure.axes) == 3
    for axes, network, values in zip(figure.axes, sources.spread(3), data.of, strict=True):
        opened = tiny_zoo[network]
        expected = NormalizedLoss().details(opened)["largest_output"]
        np.testing.assert_array_equal(values, expected)
        counts = [bar.get_height() for bar in axes.patches]
        assert sum(counts) == len(opened.train)
        assert len(counts) == 50
        assert f"mean {values.mean():.4g}" in axes.get_title()
    assert not texts_overlap(figure)


def test_the_same_sources_give_the_same_bytes(tiny_zoo):
    for figure in (puzzles2019.LOSSES, sweeps.WIDTHS):
        first = figure.draw(Sources(tiny_zoo), "pdf")
        assert figure.draw(Sources(tiny_zoo), "pdf") == first
