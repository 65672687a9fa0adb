import math

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import f_regression
from sklearn.linear_model import LinearRegression

from baselines.regressors import LOG_FLOOR, log_least_squares
from leaderboard.papers.our_numbers import SCORES, our_number
from leaderboard.papers.printed_numbers import PrintedRow

FEATURE = "h1.q1"


def answer(score, results, feature="", target="gap"):
    line = PrintedRow("Table 1", "toy-predictor", {"s": score}, target=target, feature=feature)
    return our_number(line, "s", results, None)


@pytest.fixture(scope="module")
def positive(zoo, make):
    """Results of a predictor whose columns are above 0 but for one network's."""
    table = make.features(zoo).abs().rename(columns={"a": FEATURE})
    table.iloc[0, 0] = 0.0
    return make.results(zoo, table=table, regressor=log_least_squares())


@pytest.mark.parametrize(
    ("score", "split", "expected"),
    [
        ("fit_adjusted_r2", "kfold-10", lambda scores, n: scores.fit_adjusted_r2),
        ("fit_pearson", "kfold-10", lambda scores, n: scores.fit_pearson),
        ("fit_rmse_points", "kfold-10", lambda scores, n: 100 * scores.fit_mse**0.5),
        ("fit_ssr", "kfold-10", lambda scores, n: n * scores.fit_mse),
        ("kfold_r2", "kfold-10", lambda scores, n: scores.r2_fold_mean),
        ("ssr_mean", "holdout-100", lambda scores, n: scores.ssr_mean),
        ("ssr_max", "holdout-100", lambda scores, n: scores.ssr_max),
    ],
)
def test_each_score_is_that_of_the_result_it_names(score, split, expected, results):
    scores = next(result.scores for result in results if result.split == split)
    found = answer(score, results)
    assert found.value == pytest.approx(expected(scores, len(results[0].targets)), rel=1e-12)
    assert found.networks == len(results[0].targets)


def test_scores_of_the_fit_are_those_of_plain_least_squares(results):
    ids = sorted(results[0].targets)
    columns = np.array([results[0].signatures[id] for id in ids])
    gaps = np.array([results[0].targets[id] for id in ids])
    residual = gaps - LinearRegression().fit(columns, gaps).predict(columns)
    assert answer("fit_ssr", results).value == pytest.approx(residual @ residual, rel=1e-9)
    root = 100 * np.sqrt(np.mean(residual**2))
    assert answer("fit_rmse_points", results).value == pytest.approx(root, rel=1e-9)


def test_univariate_f_is_of_the_log_that_the_regressor_takes(positive):
    result = positive[0]
    ids = sorted(result.targets)
    column = [result.signatures[id][result.columns.index(FEATURE)] for id in ids]
    logs = np.log(np.maximum(column, LOG_FLOOR))[:, None]
    (f,), (p,) = f_regression(logs, np.array([result.targets[id] for id in ids]))
    assert answer("univariate_f", positive, FEATURE).value == pytest.approx(f, rel=1e-9)
    assert answer("univariate_p", positive, FEATURE).value == pytest.approx(p, rel=1e-9)


def test_univariate_f_is_of_the_column_itself_where_nothing_is_done_to_it(results):
    result = results[0]
    ids = sorted(result.targets)
    column = np.array([result.signatures[id][:1] for id in ids])
    (f,), _ = f_regression(column, np.array([result.targets[id] for id in ids]))
    assert answer("univariate_f", results, result.columns[0]).value == pytest.approx(f, rel=1e-9)


def test_a_small_zoo_has_its_pooled_score_and_says_so(small_zoo, make):
    results = make.results(small_zoo, splits=["leave-one-out"])
    found = answer("kfold_r2", results)
    assert found.value == results[0].scores.r2_pooled
    assert found.remark == "ours is pooled over leave-one-out"


@pytest.mark.filterwarnings("ignore:.* columns of rank . on 6 networks")
def test_what_is_lacking_is_said(results, small_zoo, make):
    few = make.results(small_zoo, splits=["leave-one-out"], columns=8)
    assert answer("fit_adjusted_r2", few).value is not None
    tiny = make.results(make.zoo(3, copies=2), splits=["leave-one-out"], columns=8)
    grouped = [result for result in results if result.split == "grouped-kfold-10"]
    for found, remark in (
        (answer("fit_adjusted_r2", tiny), "not defined for 6 networks and 5 parameters"),
        (answer("fit_rmse_points", tiny), "not defined for 6 networks and 5 parameters"),
        (answer("kfold_r2", grouped), "no result on kfold-10"),
        (answer("ssr_mean", grouped), "no result on holdout-100"),
        (
            answer("fit_pearson", results, target="test_accuracy"),
            "no result of toy-predictor on test_accuracy",
        ),
        (answer("fit_pearson", []), "no result of toy-predictor"),
        (answer("univariate_f", results, "h9.q1"), "the result has no column h9.q1"),
    ):
        assert (found.value, found.networks, found.remark) == (None, None, remark)
    unanswered = our_number(PrintedRow("", "toy-predictor", {}), "s", results, None)
    assert (unanswered.value, unanswered.remark) == (None, "nothing here measures it")


def test_divisions_say_how_many_networks_they_test(results):
    assert answer("ssr_mean", results).remark == "over 6 test networks a division"


def test_lines_need_the_table(tiny_zoo):
    line = PrintedRow("figure 5", "", {"slope": "slope", "r": "adjusted_r2"}, random_labels=False)
    assert our_number(line, "slope", [], None).remark == "made from the zoo's table; give the zoo"
    table = tiny_zoo.table
    found = our_number(line, "slope", [], table)
    kept = table[table["corruption"] < 1].dropna(subset="train_normalized_cross_entropy")
    slope, _ = np.polyfit(
        kept["train_normalized_cross_entropy"], kept["test_normalized_cross_entropy"], 1
    )
    assert found.value == pytest.approx(slope, rel=1e-6)
    assert found.networks == len(kept)
    assert math.isfinite(our_number(line, "r", [], table).value)
    none = our_number(line, "slope", [], table.head(2))
    assert none.remark == "too few networks have a normalized loss on such labels"
    constant = pd.concat([table.head(1)] * 4)
    assert our_number(line, "slope", [], constant).remark == "not defined"


def test_every_score_is_told_of_a_result(positive):
    found = {name: answer(name, positive, FEATURE) for name in SCORES}
    assert all(own.value is not None for own in found.values())
