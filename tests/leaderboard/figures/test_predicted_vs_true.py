import io

import numpy as np
import pytest
from matplotlib.image import imread

from demogen.errors import ResultError
from leaderboard.figures import predicted_vs_true as figures
from leaderboard.figures.predicted_vs_true import draw, predicted_against_true
from leaderboard.results.ranking import ranked_tables


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_same_results_give_the_same_bytes(results, tmp_path, suffix):
    one, other = tmp_path / f"one.{suffix}", tmp_path / "new" / f"other.{suffix}"
    predicted_against_true(results, one)
    predicted_against_true(results, other)
    assert one.read_bytes() == other.read_bytes()
    assert b"date" not in one.read_bytes().lower()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.fixture
def drawn(monkeypatch, without_layout):
    """The figures drawn, as matplotlib holds them."""
    kept = []
    fill = figures._fill
    monkeypatch.setattr(
        figures, "_fill", lambda figure, *rest: (kept.append(figure), fill(figure, *rest))
    )
    return kept


def points(axes):
    return np.concatenate([shape.get_offsets() for shape in axes.collections])


def test_panels_show_out_of_fold_predictions_in_order_of_rank(zoo, make, drawn):
    weak, strong = (
        make.results(zoo, name=name, noise=noise) for name, noise in [("a", 0.3), ("b", 0.02)]
    )
    draw(ranked_tables([*weak, *strong])[0])
    titles = [axes.get_title() for axes in drawn[0].axes]
    assert [title.split("\n")[0] for title in titles] == ["b", "a"]
    grouped = next(result for result in strong if result.split == "grouped-kfold-10")
    assert titles[0].split("\n")[1] == f"R² = {grouped.scores.r2_pooled:.3f}"
    expected = [
        (grouped.targets[network], predicted)
        for fold in grouped.folds
        for network, predicted in zip(fold.ids, fold.predictions, strict=True)
    ]
    assert np.allclose(sorted(map(tuple, points(drawn[0].axes[0]))), sorted(expected), atol=1e-12)


def test_wild_predictions_are_drawn_at_the_border(zoo, make, drawn):
    table = make.features(zoo)
    table.iloc[7] = 50.0
    draw(ranked_tables(make.results(zoo, table=table))[0])
    [axes] = drawn[0].axes
    low, high = axes.get_ylim()
    assert high < 1
    shown = points(axes)
    assert len(shown) == 60
    assert ((shown[:, 1] >= low) & (shown[:, 1] <= high)).all()
    assert len(axes.collections[-1].get_offsets()) >= 1


def test_levels_are_told_apart_by_colour_and_shape(zoo, make, results, drawn):
    levels = {
        network: f"width {(96, 192, 288)[n % 3]}" for n, network in enumerate(zoo.table.index)
    }
    draw(ranked_tables(results)[0], levels=levels)
    [legend] = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "width 96",
        "width 192",
        "width 288",
    ]
    many = {network: str(n) for n, network in enumerate(zoo.table.index)}
    draw(ranked_tables(results)[0], levels=many)
    assert len(drawn[1].legends[0].get_texts()) == 6
    assert drawn[1].legends[0].get_texts()[-1].get_text() == "other"
    assert len(points(drawn[1].axes[0])) == 60


def test_at_most_twelve_panels(zoo, make, drawn):
    results = [
        result
        for n in range(14)
        for result in make.results(zoo, name=f"p{n}", splits=["kfold-10"], noise=0.01 * (n + 1))
    ]
    picture = imread(io.BytesIO(draw(ranked_tables(results)[0])), format="png")
    assert len(drawn[0].axes) == 12
    assert min(picture.shape[:2]) > 1000
    assert drawn[0].get_suptitle() == "toy, kfold-10: the best 12 of 14 predictors"


def test_the_factor_that_tells_most_colors_the_points(zoo, results, drawn):
    ids = list(zoo.table.index)
    half = {network: int(n < len(ids) / 2) for n, network in enumerate(ids)}
    gaps = {network: "low" if zoo.table["gap"][network] < 0.15 else "high" for network in ids}
    told = [one.model_copy(update={"factors": {"half": half, "level": gaps}}) for one in results]
    draw(ranked_tables(told)[0])
    [legend] = drawn[0].legends
    assert legend.get_title().get_text() == "level"
    assert [text.get_text() for text in legend.get_texts()] == ["high", "low"]
    # Of factors in which no two networks are alike, or none differ, nothing is told.
    own = [
        one.model_copy(update={"factors": {"own": dict(zip(ids, ids, strict=True))}})
        for one in results
    ]
    draw(ranked_tables(own)[0])
    assert not drawn[1].legends


@pytest.mark.usefixtures("without_layout")
def test_names_with_markup_are_drawn_as_they_are(zoo, make):
    draw(ranked_tables(make.results(zoo, name="$\\frac{", splits=["kfold-10"]))[0])


def test_what_cannot_be_drawn_is_refused(zoo, make, results, tmp_path):
    with pytest.raises(ResultError, match="no figure format 'gif'"):
        predicted_against_true(results, tmp_path / "figure.gif")
    both = [*results, *make.results(zoo, target="test_accuracy")]
    with pytest.raises(ResultError, match="these are results of 2"):
        predicted_against_true(both, tmp_path / "figure.png")
    with pytest.raises(ResultError, match="no out-of-fold predictions on toy"):
        predicted_against_true(make.results(zoo, splits=["holdout-100"]), tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())
