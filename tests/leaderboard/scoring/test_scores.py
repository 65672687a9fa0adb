import json

import numpy as np
import pytest
from scipy import stats
from sklearn.feature_selection import f_regression

from demogen.errors import ResultError
from leaderboard.results.result import Result
from leaderboard.results.verification import check_scores, verify
from leaderboard.scoring import bootstrap, inputs
from leaderboard.scoring.granulated import granulated_kendall
from leaderboard.scoring.mutual_information import conditional_information
from leaderboard.scoring.scores import METRICS, STATISTICS, score
from leaderboard.scoring.sign_error import sign_errors

FACTORS = {
    "width": lambda configuration: [8, 16, 32, 64][configuration % 4],
    "l2": lambda configuration: [0.0, None][configuration // 4 % 2],
    "augmentation": lambda configuration: [(), ("crop", "flip")][configuration // 8 % 2],
    "seed": lambda configuration: configuration,
}


@pytest.fixture(scope="module")
def grid(make):
    return make.zoo(16, factors=FACTORS)


@pytest.fixture(scope="module")
def result(grid, make):
    [found] = make.results(grid, splits=["grouped-kfold-10"], noise=0.1)
    return found


@pytest.fixture(scope="module")
def pair(result):
    """Ids, targets and out-of-fold predictions."""
    predicted = {
        network: value
        for fold in result.folds
        for network, value in zip(fold.ids, fold.predictions, strict=True)
    }
    ids = sorted(predicted)
    return ids, [result.targets[one] for one in ids], [predicted[one] for one in ids]


@pytest.fixture(scope="module")
def standardized(result):
    """Out-of-fold predictions in units of their fold's regressor, in the order of the ids."""
    units = {
        network: (value - fold.center) / fold.spread
        for fold in result.folds
        for network, value in zip(fold.ids, fold.predictions, strict=True)
    }
    return [units[one] for one in sorted(units)]


@pytest.fixture(scope="module")
def placed(result):
    """Places of the predictions, in the order of the ids."""
    places = {
        network: place
        for fold in result.folds
        for network, place in zip(fold.ids, fold.places, strict=True)
    }
    return [places[one] for one in sorted(places)]


def test_factors_and_configurations_are_the_zoos(grid, result):
    assert sorted(result.factors) == ["augmentation", "l2", "width"]
    for network, configuration in result.configurations.items():
        number = int(configuration[1:])
        assert grid.table.at[network, "configuration"] == configuration
        assert result.factors["width"][network] == FACTORS["width"](number)
        assert result.factors["l2"][network] == FACTORS["l2"](number)
        levels = {(): "none", ("crop", "flip"): "crop + flip"}
        assert result.factors["augmentation"][network] == levels[FACTORS["augmentation"](number)]
    assert Result.from_json(result.to_json(), "here") == result


def test_rank_statistics_are_those_of_their_functions(result, pair, standardized, placed):
    ids, targets, _ = pair
    predictions = placed
    assert result.scores.pearson == pytest.approx(np.corrcoef(targets, standardized)[0, 1])
    levels = {name: [of[one] for one in ids] for name, of in result.factors.items()}
    found = result.scores
    assert found.spearman == pytest.approx(stats.spearmanr(targets, predictions).statistic)
    assert found.kendall == pytest.approx(stats.kendalltau(targets, predictions).statistic)
    granulated = granulated_kendall(targets, predictions, levels)
    assert (found.granulated_kendall, found.granulated) == (granulated.mean, granulated.by_factor)
    assert found.granulated_kendall_cells == granulated.mean_of_cells
    information = conditional_information(targets, predictions, levels)
    assert (found.information, found.information_given) == (information.minimum, information.at)
    errors = sign_errors(targets, predictions, levels)
    assert (found.sign_error_worst, found.sign_error_mean) == (errors.supremum, errors.mean)
    at = found.sign_error_at
    assert (at.factor, at.levels, at.pairs) == (
        errors.worst.factor,
        errors.worst.levels,
        errors.worst.pairs,
    )


def test_intervals_draw_whole_configurations(result, pair, standardized, placed):
    ids, targets, predictions = pair
    groups = [result.configurations[one] for one in ids]
    drawn = {}
    taken = {"predictions": predictions, "standardized": standardized, "places": placed}
    for name, values in taken.items():
        statistics = {n: s for n, s in STATISTICS.items() if s.values == name}
        drawn |= bootstrap.intervals(targets, values, groups, statistics)
    assert {n for n, s in STATISTICS.items() if s.values == "places"} == {"kendall", "spearman"}
    assert STATISTICS["pearson"].values == "standardized"
    assert sorted(result.scores.intervals) == sorted([*drawn.keys() - {"r2"}, "r2_pooled"])
    for name, interval in result.scores.intervals.items():
        expected = drawn["r2" if name == "r2_pooled" else name]
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
        assert interval.low < getattr(result.scores, name) < interval.high
    alone = bootstrap.intervals(targets, predictions, ids, STATISTICS)
    assert alone["r2"].low != drawn["r2"].low


def test_single_features_are_judged_as_measured(grid, make, result):
    table = make.features(grid, noise=0.1)
    gap = grid.table["gap"].loc[table.index]
    statistic, p = f_regression(table, gap)
    for place, name in enumerate(table):
        line = stats.linregress(table[name], gap)
        found = result.scores.columns[name]
        assert (found.f, found.p) == pytest.approx((statistic[place], p[place]), rel=1e-9)
        assert (found.slope, found.intercept) == pytest.approx((line.slope, line.intercept))
        assert found.r2 == pytest.approx(line.rvalue**2)
        residuals = gap - line.intercept - line.slope * table[name]
        assert found.rmse == pytest.approx(np.sqrt(np.mean(residuals**2)))


def test_holdouts_have_neither_order_nor_intervals(grid, make):
    [found] = make.results(grid, splits=["holdout-100"])
    assert (found.scores.kendall, found.scores.information, found.scores.intervals) == (None,) * 3
    assert len(found.scores.ssr) == 100


def test_copies_of_one_configuration_are_nothing_to_resample(result):
    same = dict.fromkeys(result.targets, "one")
    assert (
        score(result.model_copy(update={"configurations": same}).score_inputs()).intervals is None
    )


def test_no_pairs_are_compared_in_very_large_zoos(result, monkeypatch):
    monkeypatch.setattr(inputs, "MOST_COMPARED", len(result.targets) - 1)
    found = score(result.score_inputs())
    # What is quadratic is left out, with its reason; the rest is not.
    assert (found.information, found.information_given) == (None, None)
    assert "too many networks" in METRICS["information"].undefined
    assert (found.kendall, found.spearman) == (result.scores.kendall, result.scores.spearman)
    assert found.granulated == result.scores.granulated
    assert found.sign_error_worst == result.scores.sign_error_worst
    assert sorted(found.intervals) == ["mse", "pearson", "r2_pooled", "rmse_points", "spearman"]
    assert found.r2_pooled == result.scores.r2_pooled


def forged(result, change):
    content = json.loads(result.to_json())
    change(content["scores"])
    return Result.from_json(json.dumps(content).encode(), "forged")


CHANGES = {
    "kendall": lambda scores: scores.update(kendall=0.99),
    "granulated": lambda scores: scores["granulated"].update(width=0.5),
    "information": lambda scores: scores.update(information=0.9),
    "information_given": lambda scores: scores.update(information_given=["width"]),
    "sign_error_worst": lambda scores: scores.update(sign_error_worst=0.0),
    "sign_error_at": lambda scores: scores["sign_error_at"].update(pairs=1),
    "intervals": lambda scores: scores["intervals"]["r2_pooled"].update(low=0.5),
    "columns": lambda scores: scores["columns"]["a"].update(p=0.5),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_forged_score_is_refused(result, name):
    check_scores(result)
    with pytest.raises(ResultError, match=f"it claims {name} "):
        check_scores(forged(result, CHANGES[name]))


def test_other_factors_and_configurations_than_the_zoos_are_refused(result, grid):
    def verified(**changes):
        changed = result.model_copy(update=changes)
        rescored = changed.model_copy(update={"scores": score(changed.score_inputs())})
        verify(rescored, grid, refit=False)

    verified()
    swapped = result.configurations | {"net-000": "c15"}
    with pytest.raises(ResultError, match="the configuration of net-000 is c0, not c15"):
        verified(configurations=swapped)
    with pytest.raises(ResultError, match="the factor l2 is not as in the zoo"):
        verified(factors={name: of for name, of in result.factors.items() if name != "l2"})
    width = result.factors["width"] | {"net-000": 64}
    with pytest.raises(ResultError, match="the factor width is not as in the zoo"):
        verified(factors=result.factors | {"width": width})
