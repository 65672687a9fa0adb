import numpy as np
import pytest

from demogen.errors import ZooError
from leaderboard.figures import sweeps
from leaderboard.figures.sources import Sources
from tests.leaderboard.figures.made_up_zoos import swept
from tests.leaderboard.figures.painting import line, painted, texts_overlap


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
