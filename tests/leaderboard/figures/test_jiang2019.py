from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from baselines.margins import TapMargins
from demogen.errors import ResultError, ZooError
from leaderboard.figures import jiang2019
from leaderboard.figures.density import positive_density
from leaderboard.figures.sources import Sources
from tests.leaderboard.figures.painting import line, painted, points, texts_overlap

STATISTICS = ("lower_fence", "q1", "median", "q3", "upper_fence")
SPLITS = ["grouped-kfold-10", "holdout-100", "kfold-10"]
COLUMNS = [f"{tap}.{name}" for tap in ("input", "h1", "h2", "h3") for name in STATISTICS]


@pytest.fixture(scope="module")
def fits(zoo, make):
    """Results of the three predictors of Fig. 2 on a zoo of 60 made-up networks."""
    draw = np.random.default_rng(2)
    values = draw.lognormal(0, 0.3, (60, 20)) * zoo.table["gap"].sort_index().to_numpy()[:, None]
    table = pd.DataFrame(values.clip(1e-3), zoo.table["gap"].sort_index().index, COLUMNS)
    return [
        result
        for name, columns in zip(jiang2019.COMPARED, (20, 4, 5), strict=True)
        for result in make.results(zoo, name=name, splits=SPLITS, table=table.iloc[:, :columns])
    ]


def test_margins_are_those_of_networks_from_the_largest_gap_to_the_smallest(tiny_zoo):
    data = jiang2019.gather_margins(Sources(tiny_zoo))
    gaps = tiny_zoo.table["gap"].sort_values()
    assert len(data.of) == 3
    assert f"gap {gaps.iloc[-1]:.1%}" in data.titles[0]
    assert f"gap {gaps.iloc[0]:.1%}" in data.titles[-1]
    (network,) = Sources(tiny_zoo).spread(1)
    signature = TapMargins().compute(tiny_zoo[network])
    for tap, margins in data.of[0].items():
        assert np.median(margins) == pytest.approx(signature[f"{tap}.median"])


def test_margins_are_drawn_as_densities_and_as_the_boxes_of_the_signature(tiny_zoo):
    chosen = tuple(Sources(tiny_zoo).spread(2))
    data = jiang2019.gather_margins(Sources(tiny_zoo, networks=chosen))
    figure = painted(jiang2019.paint_margins, data)
    above, boxes = np.array(figure.axes).reshape(2, 2)
    for axes, below, network, taps in zip(above, boxes, chosen, data.of, strict=True):
        signature = TapMargins().compute(tiny_zoo[network])
        assert below.get_yticks().tolist() == [1, 2, 3, 4]
        for number, (tap, margins) in enumerate(taps.items()):
            x, y = line(axes, tap)
            np.testing.assert_allclose(y, positive_density(margins, x), rtol=1e-12)
            box = below.patches[number].get_path().vertices[:, 0]
            low, high = below.lines[5 * number].get_xdata(), below.lines[5 * number + 1].get_xdata()
            drawn = [min(low), box.min(), max(box), max(high)]
            names = ("lower_fence", "q1", "q3", "upper_fence")
            # The signature is of the same numbers, in double precision.
            expected = [signature[f"{tap}.{name}"] for name in names]
            np.testing.assert_allclose(drawn, expected, rtol=1e-6)
    assert [text.get_text() for text in boxes[0].get_yticklabels()] == list(data.of[0])
    assert above[0].get_xlim() == boxes[1].get_xlim()
    assert figure.get_supxlabel() == "normalized margin"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(data.of[0])
    assert not texts_overlap(figure)


def test_log_densities_have_a_logarithmic_axis_over_all_margins(tiny_zoo):
    data = jiang2019.gather_margins(Sources(tiny_zoo, networks=tuple(Sources(tiny_zoo).spread(2))))
    figure = painted(jiang2019.paint_log_densities, data)
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]
    highest = max(margins.max() for taps in data.of for margins in taps.values())
    assert figure.axes[0].get_xlim() == pytest.approx((0, highest))
    low, high = figure.axes[0].get_ylim()
    assert 1e-7 < low < 1 < high
    assert not texts_overlap(figure)


def test_margins_that_are_all_equal_are_refused(tiny_zoo, monkeypatch):
    found = {"h1": np.ones(4)}
    monkeypatch.setattr(Sources, "details", lambda self, predictor, ids: [found] * len(ids))
    with pytest.raises(ZooError, match="no two different margins at tap 'h1'; choose other"):
        jiang2019.gather_margins(Sources(tiny_zoo))
    for found["h1"] in (np.array([1.0, -1.0]), np.ones((2, 2))):
        with pytest.raises(ZooError, match="are no margins above zero at its taps; name another"):
            jiang2019.gather_margins(Sources(tiny_zoo))


def test_the_fit_is_drawn_against_the_truth(fits, zoo):
    data = jiang2019.gather_fits(Sources(results=fits))
    figure = painted(jiang2019.paint_fits, data)
    assert len(figure.axes) == 3
    kfold = {one.predictor: one.scores.r2_fold_mean for one in fits if one.split == "kfold-10"}
    for axes, (name, result) in zip(figure.axes, data.results.items(), strict=True):
        expected = [(result.targets[n], result.fit[n]) for n in sorted(result.targets)]
        np.testing.assert_allclose(points(axes), expected, atol=1e-12)
        title = axes.get_title()
        assert title.startswith(jiang2019.COMPARED[name])
        assert f"adj. R² = {result.scores.fit_adjusted_r2:.3f}" in title
        assert f"k-fold R² = {kfold[name]:.3f}" in title
        assert axes.get_xlim() == axes.get_ylim()
    assert figure.get_supxlabel() == "true generalization gap"
    assert not figure.legends
    assert not texts_overlap(figure)


def test_networks_of_a_pool_are_told_apart(fits, zoo):
    table = zoo.table.assign(zoo=["one", "two"] * 30)
    pool = SimpleNamespace(name="one+two", digest=zoo.digest, table=table)
    data = jiang2019.gather_fits(Sources(pool, fits))
    figure = painted(jiang2019.paint_fits, data)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    assert len(points(figure.axes[0])) == 60
    assert not texts_overlap(figure)


def test_residuals_are_drawn_over_every_statistic(fits, zoo):
    data = jiang2019.gather_residuals(Sources(results=fits))
    figure = painted(jiang2019.paint_residuals, data)
    panels = np.array(figure.axes).reshape(4, 5)
    result = next(one for one in fits if one.predictor == jiang2019.PREDICTOR)
    ids = sorted(result.targets)
    residuals = [result.targets[network] - result.fit[network] for network in ids]
    place = list(result.columns).index("h2.q3")
    taps = list(dict.fromkeys(column.partition(".")[0] for column in data.columns))
    statistics = list(dict.fromkeys(column.partition(".")[2] for column in data.columns))
    axes = panels[taps.index("h2"), statistics.index("q3")]
    shown = points(axes)
    np.testing.assert_allclose(shown[:, 0], [result.signatures[n][place] for n in ids])
    np.testing.assert_allclose(shown[:, 1], residuals, atol=1e-12)
    assert {axes.get_xscale() for axes in panels.flat} == {"log"}
    assert not texts_overlap(figure)


def test_signatures_with_numbers_that_are_not_positive_have_plain_axes():
    values = np.array([[-1.0, 1.0], [2.0, 3.0]])
    data = jiang2019.Residuals("made up", ("h1.q1", "h1.q3"), values, np.array([0.1, -0.1]))
    figure = painted(jiang2019.paint_residuals, data)
    assert [axes.get_xscale() for axes in figure.axes] == ["linear", "log"]


def test_results_of_one_zoo_are_asked_for(fits, zoo, small_zoo, make):
    other = make.results(small_zoo, name=jiang2019.PREDICTOR)
    other = [replace_digest(result) for result in other]
    with pytest.raises(ResultError, match=r"several zoos: toy .*, toy .*; name one with --zoo"):
        jiang2019.gather_fits(Sources(results=[*fits, *other]))
    chosen = jiang2019.gather_fits(Sources(zoo, [*fits, *other]))
    assert {result.zoo_digest for result in chosen.results.values()} == {zoo.digest}
    with pytest.raises(ResultError, match=r"no results of margin-.* for the gap; give --zoo"):
        jiang2019.gather_residuals(Sources(results=[]))


def replace_digest(result):
    return result.model_copy(update={"zoo_digest": "6b" * 32})


@pytest.mark.usefixtures("without_layout")
def test_the_same_sources_give_the_same_bytes(tiny_zoo, fits):
    for figure, sources in (
        (jiang2019.MARGINS, Sources(tiny_zoo, networks=tuple(tiny_zoo.ids[:1]))),
        (jiang2019.PREDICTED, Sources(results=fits)),
    ):
        first = figure.draw(sources, "svg")
        assert figure.draw(replace(sources), "svg") == first
