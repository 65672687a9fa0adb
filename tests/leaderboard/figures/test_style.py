import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from demogen.errors import ResultError
from leaderboard.figures import style


def paint(figure):
    axes = figure.subplots()
    x = np.geomspace(1e-6, 1e3, 20)
    style.scatter(axes, x, x**2, np.where(x < 1, "low", "high"), ["low", "high"])
    axes.set_xlim(1e-7, 1e4)
    style.decades(axes.xaxis)
    style.legend(figure, axes)


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes_whatever_the_reader_prefers(format):
    first = style.rendered(format, paint)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30}):
        assert style.rendered(format, paint) == first
    assert mpl.rcParams["axes.spines.top"]
    assert b"CreationDate" not in first
    assert first[:4] in (b"\x89PNG", b"<?xm", b"%PDF")


def test_other_formats_are_refused_before_anything_is_drawn():
    with pytest.raises(ResultError, match=r"no figure format 'gif'; end the file name in"):
        style.rendered("gif", None)


@pytest.mark.parametrize(
    ("low", "high"),
    [(1e-18, 1e3), (0.03, 0.5), (6.3e3, 1.4e4), (0.31, 0.97), (90, 2e5), (2.1, 2.3)],
)
def test_logarithmic_ticks_are_few_and_inside(low, high):
    ticks = style.log_ticks(low, high, 5)
    assert 2 <= len(ticks) <= 5
    assert ticks == sorted(set(ticks))
    assert low <= ticks[0]
    assert ticks[-1] <= high
    labels = [style.power(tick) for tick in ticks]
    assert len(set(labels)) == len(labels)


def test_labels_of_logarithmic_axes_hold_no_markup():
    figure = Figure()
    paint(figure)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    figure.canvas.draw()
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert {"10⁻⁶", "1"} <= set(labels)
    assert not any("$" in label for label in labels)


def test_levels_have_colors_and_shapes_of_their_own():
    assert len(set(style.COLORS)) == len(set(style.MARKERS)) == len(style.COLORS) == 6
    figure = Figure()
    paint(figure)
    low, high = figure.axes[0].collections
    assert low.get_facecolor().tolist() != high.get_facecolor().tolist()
    assert len(low.get_offsets()) + len(high.get_offsets()) == 20
    assert (
        np.asarray(low.get_offsets())[:, 0].max() < 1 < np.asarray(high.get_offsets())[:, 0].max()
    )


def test_the_diagonal_is_y_equal_x():
    axes = Figure().subplots()
    axes.set(xlim=(0.02, 0.1), ylim=(-0.3, 0.1))
    style.diagonal(axes)
    (drawn,) = axes.lines
    assert drawn.get_xy1()[0] == drawn.get_xy1()[1]
    assert drawn.get_xy2()[0] == drawn.get_xy2()[1] != drawn.get_xy1()[0]
