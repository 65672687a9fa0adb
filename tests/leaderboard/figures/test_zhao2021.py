import numpy as np
import pandas as pd
import pytest

from demogen.errors import ResultError, ZooError
from demogen.measuring.predictor import get_predictor
from leaderboard.figures import zhao2021
from leaderboard.figures.sources import Sources
from leaderboard.scoring.metrics import pearson, ssr
from tests.leaderboard.figures.painting import line, painted, points, texts_overlap

NAMES = (zhao2021.PREDICTOR, zhao2021.MARGINS)


@pytest.fixture(scope="module")
def found(zoo, make):
    """Results of unit-sparsity and of margins on a zoo of 60 made-up networks."""
    draw = np.random.default_rng(3)
    gap = zoo.table["gap"].sort_index()
    quantities = pd.DataFrame({"zeta": 0.2 + gap, "kappa": 0.8 - gap}) + draw.normal(
        0, 0.1, (60, 2)
    )
    margins = pd.DataFrame({"h1.q1": np.exp(-3 * gap + draw.normal(0, 0.1, 60))})
    return [
        result
        for name, table in zip(NAMES, (quantities, margins), strict=True)
        for result in make.results(
            zoo,
            name=name,
            splits=["kfold-10", "holdout-100"],
            table=table,
            regressor=get_predictor(name).regressor,
        )
    ]


def on(found, name, split="holdout-100"):
    return next(one for one in found if one.predictor == name and one.split == split)


def test_curves_meet_and_turn_where_the_measure_says(tiny_zoo):
    data = zhao2021.gather_ablations(Sources(tiny_zoo))
    assert len(data.of) == 6
    figure = painted(zhao2021.paint_curves, data)
    for axes, title, arrays in zip(figure.axes, data.titles, data.of, strict=True):
        row = arrays["classes"].tolist().index(data.label)
        M = arrays["descending"].shape[1] - 1
        n, E = line(axes, "E, most\nactive first")
        _, E_r = line(axes, "Eᵣ, least\nactive first")
        np.testing.assert_array_equal(n, np.arange(M + 1))
        np.testing.assert_array_equal(E, arrays["descending"][row])
        np.testing.assert_array_equal(E_r, arrays["ascending"][row])
        turning = [each for each in axes.lines if len(each.get_xdata()) == 1]
        n0, n0_r = (float(each.get_xdata()[0]) for each in turning)
        assert (n0 + M - n0_r) / (2 * M) == pytest.approx(arrays["zeta"][row])
        assert [float(each.get_ydata()[0]) for each in turning] == [E[int(n0)], E_r[int(n0_r)]]
        (area,) = axes.collections
        assert area.get_paths()[0].get_extents().ymax == pytest.approx(max(*E, *E_r))
        assert axes.get_title() == title
    assert figure.get_supylabel().endswith(f"class {data.label}")
    assert not texts_overlap(figure)


def test_the_class_shown_is_one_that_all_networks_have(tiny_zoo, monkeypatch):
    answers = [{"classes": np.array([3, 5])}, {"classes": np.array([4, 5])}]
    monkeypatch.setattr(Sources, "details", lambda self, name, ids, wanted: answers)
    chosen = Sources(tiny_zoo, networks=tuple(tiny_zoo.ids[:2]))
    assert zhao2021.gather_ablations(chosen).label == 5
    answers[0] = {"classes": np.array([3])}
    with pytest.raises(ZooError, match="have no class in common; choose others with --network"):
        zhao2021.gather_ablations(chosen)


def test_every_class_of_every_network_is_a_point(tiny_zoo):
    data = zhao2021.gather_ablations(Sources(tiny_zoo))
    figure = painted(zhao2021.paint_classes, data)
    (axes,) = figure.axes
    expected = [np.stack([each["zeta"], each["kappa"]], axis=1) for each in data.of]
    np.testing.assert_array_equal(points(axes), np.concatenate(expected))
    assert len(figure.legends[0].get_texts()) == 6
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("ζ of a class", "κ of a class")
    assert not texts_overlap(figure)


def test_quantities_are_the_signatures_and_gaps(found):
    data = zhao2021.gather_quantities(Sources(results=found))
    figure = painted(zhao2021.paint_quantities, data)
    result = on(found, zhao2021.PREDICTOR)
    ids = sorted(result.targets)
    zeta, kappa = (
        [result.signatures[network][result.columns.index(name)] for network in ids]
        for name in ("zeta", "kappa")
    )
    gap = [result.targets[network] for network in ids]
    first, second, third, bar = figure.axes
    np.testing.assert_array_equal(points(first), np.stack([zeta, kappa], axis=1))
    np.testing.assert_array_equal(points(second), np.stack([zeta, gap], axis=1))
    np.testing.assert_array_equal(points(third), np.stack([kappa, gap], axis=1))
    np.testing.assert_array_equal(first.collections[0].get_array(), gap)
    assert second.get_title() == f"Pearson {pearson(gap, zeta):.3f}"
    assert bar.get_ylabel() == "generalization gap"
    assert not texts_overlap(figure)


def test_an_estimate_is_fitted_on_all_but_the_first_division(found):
    data = zhao2021.gather_estimates(Sources(results=found))
    assert [each.title for each in data] == list(NAMES)
    for each, name in zip(data, NAMES, strict=True):
        result = on(found, name)
        fold = result.folds[0]
        np.testing.assert_array_equal(each.tested[1], fold.predictions)
        assert each.fitted.shape == (2, 60 - len(fold.ids))
        X = np.array([result.signatures[network] for network in sorted(result.targets)])
        y = np.array([result.targets[network] for network in sorted(result.targets)])
        kept = np.isin(sorted(result.targets), fold.ids, invert=True)
        features = X if name == zhao2021.PREDICTOR else np.log(X)
        design = np.column_stack([features, np.ones(60)])[kept]
        expected = design @ np.linalg.lstsq(design, y[kept], rcond=None)[0]
        np.testing.assert_allclose(each.fitted, [y[kept], expected], atol=1e-10)
    figure = painted(zhao2021.paint_estimates, data)
    for axes, each in zip(figure.axes, data, strict=True):
        shown = np.concatenate([each.fitted, each.tested], axis=1).T
        np.testing.assert_allclose(points(axes), shown, atol=1e-12)
        assert f"SSR {ssr(*each.tested):.3g}" in axes.get_title()
    assert not texts_overlap(figure)


def test_a_result_of_another_regressor_is_not_refitted(found):
    other = [on(found, zhao2021.PREDICTOR).model_copy(update={"regressor": "Ridge()"})]
    with pytest.raises(ResultError, match=r"was fitted with Ridge\(\), not with what is inst"):
        zhao2021.gather_estimates(Sources(results=other))


def test_the_histogram_counts_every_division(found):
    data = zhao2021.gather_sums(Sources(results=found))
    figure = painted(zhao2021.paint_sums, data)
    for axes, name in zip(figure.axes, NAMES, strict=True):
        sums = on(found, name).scores.ssr
        counts = [bar.get_height() for bar in axes.patches]
        edges = [bar.get_x() for bar in axes.patches] + [max(map(max, data.of.values()))]
        np.testing.assert_array_equal(counts, np.histogram(sums, edges)[0])
        assert sum(counts) == 100
        assert f"largest {max(sums):.3g}" in axes.get_title()
    assert figure.axes[-1].get_xlabel().endswith("over 6 networks")
    assert not texts_overlap(figure)


def test_sums_need_results_on_divisions(found):
    only = [one for one in found if one.split == "kfold-10"]
    with pytest.raises(ResultError, match="--zoo ZOO --split holdout-100`"):
        zhao2021.gather_sums(Sources(results=only))


@pytest.mark.usefixtures("without_layout")
def test_the_same_sources_give_the_same_bytes(tiny_zoo, found):
    for figure, sources in (
        (zhao2021.CURVES, Sources(tiny_zoo, networks=tuple(tiny_zoo.ids[:2]))),
        (zhao2021.QUANTITIES, Sources(results=found)),
    ):
        assert figure.draw(sources, "svg") == figure.draw(sources, "svg")
