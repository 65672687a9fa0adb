import pytest
from matplotlib.figure import Figure

from demogen.errors import ResultError
from leaderboard.figures.critical_difference import (
    draw_critical_difference,
    paint_critical_difference,
)
from leaderboard.results.standings import across


@pytest.fixture(scope="module")
def standing(make):
    found = []
    for seed in range(3):
        zoo = make.zoo(12, seed=seed)
        zoo.name, zoo.digest = f"zoo-{seed}", f"{seed:02x}" * 32
        for name, noise in {"strong": 0.02, "mid$dle": 0.06, "weak": 0.5}.items():
            found += make.results(zoo, name=name, noise=noise, splits=["grouped-kfold-10"])
    return across(found)


def test_rows_dots_and_bars_are_those_of_the_standing(standing):
    figure = Figure()
    paint_critical_difference(figure, standing)
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["strong", "mid$dle", "weak"]
    dots = axes.collections[-1].get_offsets().tolist()
    assert dots == [[1, 0], [2, 1], [3, 2]]
    difference, *bars = axes.lines
    assert difference.get_xdata().tolist() == pytest.approx([1, 1 + standing.critical_difference])
    assert [bar.get_ydata().tolist() for bar in bars] == [[-0.25, 1.25], [0.75, 2.25]]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_the_same_standing_gives_the_same_file(standing, tmp_path):
    for name in ("one.svg", "other.svg"):
        draw_critical_difference(standing, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    with pytest.raises(ResultError, match="no figure format 'gif'"):
        draw_critical_difference(standing, tmp_path / "one.gif")
