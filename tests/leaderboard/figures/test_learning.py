import numpy as np
import pytest

from demogen.errors import ResultError
from demogen.format.splits import make_splits
from leaderboard.figures import learning
from leaderboard.figures.sources import Sources
from tests.leaderboard.figures.painting import line, painted, texts_overlap


@pytest.fixture
def zoo(make):
    zoo = make.zoo(20)
    zoo.table = zoo.table.assign(train_accuracy=np.linspace(0.5, 1, len(zoo.table)))
    zoo.splits = make_splits(zoo.table)
    return zoo


@pytest.fixture
def sources(make, zoo):
    mine = make.Predictor("mine")
    results = make.results(zoo, name="mine", splits=["grouped-kfold-10"])
    return Sources(zoo, results, predictors=(mine,))


def test_curves_are_medians_over_draws(sources, monkeypatch):
    monkeypatch.setattr(learning, "DRAWS", 3)
    data = learning.gather_learning(sources)
    figure = painted(learning.paint_learning, data)
    left, right = figure.axes
    x, y = line(left, "mine")
    defined = np.isfinite(data.by_size["mine"]).all(axis=1)
    np.testing.assert_array_equal(x, data.sizes[defined])
    np.testing.assert_array_equal(y, np.median(data.by_size["mine"][defined], axis=1))
    assert defined.sum() >= 3
    x, y = line(right, "mine")
    defined = np.isfinite(data.by_level["mine"]).all(axis=1)
    np.testing.assert_array_equal(x, np.flatnonzero(defined))
    np.testing.assert_array_equal(y, np.median(data.by_level["mine"][defined], axis=1))
    assert data.sizes[-1] == len(sources.zoo.table) == data.counts[0]
    assert data.counts[-1] == 20
    assert not texts_overlap(figure)


def test_levels_that_crowd_below_1_are_told_apart():
    levels = np.array([0.592, 0.798, 0.921, 0.978, 0.994, 1.0])
    counts = np.array([108.0, 77.0, 55.0, 39.0, 28.0, 24.0])
    values = np.zeros((6, 1))
    name = max(learning.SHOWN, key=len)
    data = learning.Curves("zoo", counts[::-1], levels, counts, {name: values}, {name: values})
    figure = painted(learning.paint_learning, data)
    assert not texts_overlap(figure)
    assert [each.get_text() for each in figure.axes[1].get_xticklabels()][3:] == [
        "0.978\n39",
        "0.994\n28",
        "1.000\n24",
    ]
    assert name in [text.get_text() for text in figure.legends[0].get_texts()]


def test_levels_a_ten_thousandth_apart_are_told_apart():
    levels, counts = np.array([0.9, 0.9992, 0.9996, 1.0]), np.array([80.0, 60.0, 40.0, 20.0])
    values, none = np.zeros((4, 1)), np.full((4, 1), np.nan)
    data = learning.Curves("zoo", counts[::-1], levels, counts, {"one": values}, {"one": none})
    figure = painted(learning.paint_learning, data)
    labels = [each.get_text().partition("\n")[0] for each in figure.axes[1].get_xticklabels()]
    assert labels == ["0.9000", "0.9992", "0.9996", "1.0000"]
    assert not texts_overlap(figure)


def test_a_zoo_of_few_configurations_has_no_learning_curve(make):
    zoo = make.zoo(5, copies=5)
    zoo.table = zoo.table.assign(train_accuracy=np.linspace(0.5, 1, len(zoo.table)))
    results = make.results(zoo, name="mine", splits=["kfold-10"])
    with pytest.raises(ResultError, match="no learning curve of mine on .* ten configurations"):
        learning.gather_learning(Sources(zoo, results, predictors=(make.Predictor("mine"),)))


def test_a_regressor_that_is_another_now_is_refused(sources, make):
    from sklearn.linear_model import Ridge

    sources.predictors[0].regressor = Ridge()
    with pytest.raises(ResultError, match="the result of mine was fitted with LeastSquares"):
        learning.gather_learning(sources)
