import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score

from leaderboard.pages.plot_data import FIT, fold_scores, plot_data, terms
from leaderboard.results.result import held_out


@pytest.fixture(scope="module")
def of_splits(results):
    return {result.split: result for result in results}


def test_points_are_the_out_of_fold_predictions(of_splits):
    data = plot_data(of_splits)
    result = of_splits["kfold-10"]
    assert data["ids"] == sorted(result.targets)
    of = {split["name"]: split for split in data["splits"]}
    assert list(of) == [*of_splits, FIT]
    out_of_fold = {
        network: value
        for fold in result.folds
        for network, value in zip(fold.ids, fold.predictions, strict=True)
    }
    for network, true, predicted, fitted in zip(
        data["ids"], data["true"], of["kfold-10"]["predicted"], of[FIT]["predicted"], strict=True
    ):
        assert true == pytest.approx(result.targets[network], rel=1e-5)
        assert predicted == pytest.approx(out_of_fold[network], rel=1e-5)
        assert fitted == pytest.approx(result.fit[network], rel=1e-5)
    assert json.loads(json.dumps(data, allow_nan=False)) == json.loads(json.dumps(data))


def test_nearly_equal_targets_are_told_apart(zoo, make):
    table = zoo.table.assign(test_normalized_cross_entropy=2.302585 - 1e-6 * zoo.table["gap"])
    near = SimpleNamespace(**vars(zoo) | {"table": table})
    [result] = make.results(near, splits=["kfold-10"], target="test_normalized_cross_entropy")
    data = plot_data({"kfold-10": result})
    targets = [result.targets[network] for network in data["ids"]]
    # Half of the last of six digits, where the first may be a 1.
    error = 5e-5 * (max(targets) - min(targets))
    assert data["true"] == pytest.approx(targets, rel=0, abs=error)
    predictions = [held_out(result)[network] for network in data["ids"]]
    assert data["splits"][0]["predicted"] == pytest.approx(predictions, rel=0, abs=error)
    assert data["digits"] == 10
    assert plot_data({"kfold-10": make.results(zoo, splits=["kfold-10"])[0]})["digits"] == 4


def test_holdouts_show_the_mean_of_the_divisions(of_splits):
    result = of_splits["holdout-100"]
    network = result.folds[0].ids[0]
    values = [
        fold.predictions[fold.ids.index(network)] for fold in result.folds if network in fold.ids
    ]
    assert len(values) > 1
    assert held_out(result)[network] == pytest.approx(np.mean(values), rel=1e-12)


def test_wild_predictions_have_a_finite_mean(of_splits):
    result = of_splits["holdout-100"]
    folds = tuple(
        fold.model_copy(update={"predictions": (1.7e308,) * len(fold.ids)}) for fold in result.folds
    )
    wild = result.model_copy(update={"folds": folds})
    assert all(map(math.isfinite, held_out(wild).values()))
    data = plot_data({"holdout-100": wild})
    assert {fold["ssr"] for fold in data["splits"][0]["folds"]} == {None}


def test_fold_scores_are_those_of_scikit_learn(of_splits):
    result = of_splits["kfold-10"]
    found = fold_scores(result)
    assert [fold["fold"] for fold in found] == list(range(10))
    for fold, scores in zip(result.folds, found, strict=True):
        targets = [result.targets[network] for network in fold.ids]
        residuals = np.subtract(targets, fold.predictions)
        assert scores["networks"] == len(targets) == 6
        assert scores["r2"] == pytest.approx(r2_score(targets, fold.predictions), rel=1e-9)
        assert scores["rmse_points"] == pytest.approx(100 * math.sqrt(np.mean(residuals**2)))
        assert scores["ssr"] == pytest.approx(np.sum(residuals**2))
    assert np.mean([fold["r2"] for fold in found]) == pytest.approx(result.scores.r2_fold_mean)


def test_folds_of_one_network_have_no_r2(small_zoo, make):
    [result] = make.results(small_zoo)
    assert {fold["r2"] for fold in fold_scores(result)} == {None}
    assert all(fold["rmse_points"] > 0 for fold in fold_scores(result))


def test_terms_are_named_where_there_is_one_a_column(of_splits, zoo, make):
    result = of_splits["kfold-10"]
    assert terms(result) == list(zip("abc", result.model.coefficients, strict=True))
    more = result.model.model_copy(update={"coefficients": (1.0, 2.0)})
    assert terms(result.model_copy(update={"model": more})) == [("1", 1.0), ("2", 2.0)]
    [other] = make.results(
        zoo, splits=["kfold-10"], regressor=RandomForestRegressor(2, random_state=0)
    )
    assert terms(other) == []
    assert plot_data({"kfold-10": other})["model"] is None


def test_unmeasured_predictors_have_no_points(zoo, make):
    table = make.features(zoo).iloc[:0]
    nothing = {result.split: result for result in make.results(zoo, table=table)}
    data = plot_data(nothing)
    assert (data["ids"], data["true"], data["colorings"]) == ([], [], [])
