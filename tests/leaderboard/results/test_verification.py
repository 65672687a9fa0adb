import json

import pytest
from sklearn.linear_model import LinearRegression

from demogen.errors import PredictorError, ResultError
from leaderboard.results.result import Result
from leaderboard.results.verification import too_much, verify


@pytest.fixture
def installed(monkeypatch, make):
    """What is installed, as the entry points would say."""
    known = {"toy-predictor": make.Predictor("toy-predictor")}

    def get_predictor(name):
        if name not in known:
            raise PredictorError(f"no predictor {name!r}")
        return known[name]

    monkeypatch.setattr("demogen.measuring.predictor.get_predictor", get_predictor)
    return known


def forge(result, change):
    content = json.loads(result.to_json())
    change(content)
    return Result.from_json(json.dumps(content).encode(), "forged")


def on(results, split):
    return next(result for result in results if result.split == split)


def test_true_results_pass(results, zoo, installed):
    for result in results:
        checked = verify(result, zoo)
        assert len(checked) == 3
        assert checked[-1].startswith("the predictions follow from the signatures")


def test_what_cannot_be_checked_is_said(results, make, zoo, installed):
    [stranger] = make.results(zoo, name="stranger", splits=["kfold-10"])
    assert verify(stranger)[-1] == "not fitted again: no predictor 'stranger'"
    installed["toy-predictor"].columns = ("a", "c")
    assert (
        verify(results[0])[-1]
        == "not fitted again: the installed toy-predictor takes other columns"
    )
    assert len(verify(results[0], refit=False)) == 1


def test_a_fit_that_may_take_long_is_left_out_and_named(results, zoo, installed):
    from leaderboard.fitting.fit_cost import FitLimit

    result = on(results, "kfold-10")
    assert verify(result, zoo, limit=FitLimit()) == verify(result, zoo)
    last = verify(result, zoo, limit=FitLimit(seconds=0.001))[-1]
    assert last.startswith(f"not fitted again: 11 fits of {len(result.targets)} networks and")


def test_a_regressor_whose_cost_nobody_can_count_is_refused(results):
    from baselines.selection import BestGroup
    from leaderboard.fitting.fit_cost import FitLimit

    with pytest.raises(ResultError, match=r"^[^\n]*BestGroup[^\n]* parameter that it cannot take"):
        too_much(on(results, "kfold-10"), BestGroup(3), FitLimit())


def test_parameters_of_the_measure_do_not_change_the_regressor(zoo, make, installed):
    [result] = make.results(zoo, name="toy-predictor(epsilon=1)", splits=["kfold-10"])
    assert "follow from the signatures" in verify(result)[-1]


SCORES = ["r2_pooled", "r2_fold_mean", "mse", "rmse_points", "pearson", "fit_r2", "fit_adjusted_r2"]


@pytest.mark.parametrize("name", [*SCORES, "fit_mse", "fit_pearson", "folds_scored"])
def test_changed_scores_are_refused(results, name):
    def change(content):
        content["scores"][name] = (
            content["scores"][name] + 1
            if name == "folds_scored"
            else content["scores"][name] * (1 + 1e-7)
        )

    with pytest.raises(ResultError, match=f"it claims {name} .* but its predictions give"):
        verify(forge(on(results, "kfold-10"), change), refit=False)


@pytest.mark.parametrize("name", ["ssr_mean", "ssr_max", "test_networks"])
def test_changed_sums_are_refused(results, name):
    def change(content):
        content["scores"][name] *= 0.999

    with pytest.raises(ResultError, match=f"it claims {name}"):
        verify(forge(on(results, "holdout-100"), change), refit=False)


def test_one_changed_division_or_a_score_too_many_is_refused(results):
    def division(content):
        content["scores"]["ssr"][17] *= 0.5

    def absent(content):
        content["scores"]["r2_pooled"] = 0.99

    for change in (division, absent):
        with pytest.raises(ResultError, match="it claims"):
            verify(forge(on(results, "holdout-100"), change), refit=False)


def rescored(content):
    """A careful forger's file: the scores follow from the forged predictions."""
    from leaderboard.scoring.scores import score

    loose = Result.model_validate_json(json.dumps(content), strict=True)
    content["scores"] = score(loose.score_inputs()).model_dump(mode="json")


def test_changed_predictions_are_refused(results, zoo, installed):
    def careless(content):
        content["folds"][2]["predictions"][0] += 1e-3

    def careful(content):
        careless(content)
        rescored(content)

    def in_the_fit(content):
        content["fit"]["net-007"] += 1e-3
        rescored(content)

    result = on(results, "grouped-kfold-10")
    with pytest.raises(ResultError, match="it claims"):
        verify(forge(result, careless))
    with pytest.raises(ResultError, match=r"fold 2 predicts .* fitted again predicts"):
        verify(forge(result, careful), zoo)
    with pytest.raises(ResultError, match=r"the fit on all networks predicts .* for net-007"):
        verify(forge(result, in_the_fit), zoo)


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("places", r"fold 2 puts net-\d+ at place \d+, but the regressor fitted again puts it at"),
        ("center", "fold 2 predicts .* for the median network"),
        ("spread", "fold 2 predicts .* for the standard deviation over all networks"),
    ],
)
def test_changed_places_and_units_are_refused(results, zoo, installed, part, fault):
    def change(content):
        fold = content["folds"][2]
        if part == "places":
            fold[part][0] = 1.0 if fold[part][0] > 20 else 60.0
        else:
            fold[part] += 1e-3
        rescored(content)

    with pytest.raises(ResultError, match=fault):
        verify(forge(on(results, "grouped-kfold-10"), change), zoo)


def test_changed_coefficients_are_refused(results, installed):
    def change(content):
        content["model"]["coefficients"][1] *= 1.1

    def flatter(content):
        # A smaller p makes the adjusted R² larger; the claim is consistent in itself.
        content["model"]["rank"] = 0
        content["scores"]["fit_adjusted_r2"] = content["scores"]["fit_r2"]

    for forged in (change, flatter):
        with pytest.raises(ResultError, match="linear model"):
            verify(forge(results[0], forged))


def test_results_of_another_zoo_or_split_are_refused(results, zoo):
    def digest(content):
        content["split_digest"] = "0" * 64

    def other_zoo(content):
        content["zoo_digest"] = "0" * 64

    def other_name(content):
        content["zoo"] = "better-zoo"

    def own_split(content):
        content["split"] = "my-split"

    for change, message in [
        (digest, "split kfold-10 has digest 000000000000, but the zoo's has"),
        (other_zoo, "made on zoo toy with digest 000000000000, but this is toy"),
        (other_name, "its zoo is called toy, not better-zoo"),
        (own_split, "has no split 'my-split'"),
    ]:
        with pytest.raises(ResultError, match=message):
            verify(forge(on(results, "kfold-10"), change), zoo, refit=False)


def test_easier_targets_are_refused(results, zoo):
    def change(content):
        content["targets"]["net-003"] = content["fit"]["net-003"]
        rescored(content)

    with pytest.raises(ResultError, match="the gap of net-003 is not"):
        verify(forge(results[0], change), zoo, refit=False)


def test_hiding_a_hard_network_is_refused(results, zoo):
    def hide(content):
        for part in ("targets", "signatures", "fit", "configurations"):
            del content[part]["net-003"]
        for fold in content["folds"]:
            if "net-003" in fold["ids"]:
                at = fold["ids"].index("net-003")
                del fold["ids"][at], fold["predictions"][at], fold["places"][at]
        rescored(content)

    with pytest.raises(ResultError, match="net-003 is not both in the zoo and measured"):
        verify(forge(on(results, "kfold-10"), hide), zoo, refit=False)


def test_other_folds_than_the_zoos_are_refused(results, zoo):
    def swap(content):
        one, other = content["folds"][0], content["folds"][1]
        for part in ("ids", "predictions", "places", "center", "spread"):
            one[part], other[part] = other[part], one[part]

    def omit(content):
        content["folds"].pop(4)
        content["skipped_folds"] = [4]
        rescored(content)

    def add(content):
        content["skipped_folds"] = [100]

    with pytest.raises(ResultError, match="fold 0 tests other networks"):
        verify(forge(on(results, "kfold-10"), swap), zoo, refit=False)
    with pytest.raises(ResultError, match="fold 4 is missing"):
        verify(forge(on(results, "holdout-100"), omit), zoo, refit=False)
    with pytest.raises(ResultError, match="fold 100 is not one of the split's 10"):
        verify(forge(on(results, "kfold-10"), add), zoo, refit=False)


def test_results_with_dropped_networks_and_skipped_folds_pass(zoo, make, installed):
    table = make.features(zoo)
    lost = zoo.splits["kfold-10"].tests[3]
    for result in make.results(zoo, table=table.drop(list(lost))):
        assert set(result.dropped) == set(lost)
        assert result.skipped_folds == ((3,) if result.split == "kfold-10" else ())
        assert len(verify(result, zoo)) == 3


def test_a_regressor_that_is_not_the_installed_one_is_refused(zoo, make, installed):
    installed["toy-predictor"].regressor = LinearRegression(fit_intercept=False)
    [result] = make.results(zoo, splits=["kfold-10"])
    with pytest.raises(ResultError, match="fitted again predicts"):
        verify(result)


def test_targets_close_together_and_far_from_zero_hide_no_forgery(zoo, make, installed):
    """As those of normalized networks, all near log 10."""
    narrow = make.zoo(20)
    narrow.table["gap"] = 2.302585 + 1e-7 * narrow.table["gap"]
    [true] = make.results(narrow, table=make.features(zoo), splits=["kfold-10"])
    verify(true)

    def shift(content):
        content["folds"][0]["predictions"][0] += 1e-10
        rescored(content)

    with pytest.raises(ResultError, match="fold 0 predicts"):
        verify(forge(true, shift))

    def shrink(content):
        content["scores"]["mse"] *= 0.9

    with pytest.raises(ResultError, match="it claims mse"):
        verify(forge(true, shrink), refit=False)


def test_an_order_of_networks_of_which_a_regressor_says_the_same_is_refused(zoo, make, installed):
    table = make.features(zoo)
    [result] = make.results(zoo, table=0 * table + 1, splits=["kfold-10"])
    assert len(verify(result, zoo)) == 3

    def change(content):
        content["folds"][0]["places"][0] = 1.0
        rescored(content)

    with pytest.raises(ResultError, match="fold 0 orders networks of which"):
        verify(forge(result, change), zoo)


def test_the_order_in_which_a_fold_lists_its_networks_does_not_matter(results, zoo, installed):
    def turn(content):
        for fold in content["folds"]:
            for part in ("ids", "predictions", "places"):
                fold[part] = fold[part][::-1]

    assert len(verify(forge(on(results, "kfold-10"), turn), zoo)) == 3
