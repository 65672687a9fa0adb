from types import SimpleNamespace

import numpy as np
import pytest

from baselines.normalized_loss import NormalizedLoss
from demogen.errors import ZooError
from leaderboard.figures import puzzles2019, sweeps
from leaderboard.figures.sources import Sources
from leaderboard.figures.style import limits
from tests.leaderboard.figures.made_up_zoos import swept
from tests.leaderboard.figures.painting import line, painted, points, texts_overlap


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


@pytest.mark.usefixtures("without_layout")
def test_the_same_sources_give_the_same_bytes(tiny_zoo):
    for figure in (puzzles2019.LOSSES, sweeps.WIDTHS):
        first = figure.draw(Sources(tiny_zoo), "pdf")
        assert figure.draw(Sources(tiny_zoo), "pdf") == first
