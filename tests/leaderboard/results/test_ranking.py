import dataclasses
import math

import pytest
from sklearn.dummy import DummyRegressor

from demogen.errors import ResultError
from leaderboard.results.columns import COLUMNS, UNDEFINED, Row
from leaderboard.results.ranking import ranked_rows, ranked_tables, zoo_labels


@pytest.fixture(scope="module")
def field(zoo, make):
    """Three predictors on all splits, the best not first by name."""
    return [
        *make.results(zoo, name="average", regressor=DummyRegressor()),
        *make.results(zoo, name="weak", noise=0.3),
        *make.results(zoo, name="strong", noise=0.02),
    ]


def by_split(results, name):
    return {result.split: result for result in results if result.predictor == name}


def test_columns_and_rows_have_the_same_fields():
    assert [column.key for column in COLUMNS] == [field.name for field in dataclasses.fields(Row)]
    assert all(column.explanation.endswith(".") for column in COLUMNS)


def test_each_number_comes_from_its_split(field):
    [board] = ranked_tables(field)
    row = next(row for row in board.rows if row.predictor == "weak")
    of = by_split(field, "weak")
    grouped, folds, divisions = (
        of[name].scores for name in ("grouped-kfold-10", "kfold-10", "holdout-100")
    )
    assert board.ranking == "grouped-kfold-10"
    assert row.r2_pooled == grouped.r2_pooled
    assert (row.mse, row.rmse_points, row.pearson) == (
        grouped.mse,
        grouped.rmse_points,
        grouped.pearson,
    )
    interval = grouped.intervals["r2_pooled"]
    assert (row.r2_low, row.r2_high) == (interval.low, interval.high)
    assert interval.low < row.r2_pooled < interval.high
    assert (row.kendall, row.spearman) == (grouped.kendall, grouped.spearman)
    assert row.r2_fold_mean == folds.r2_fold_mean != grouped.r2_fold_mean
    assert (row.ssr_mean, row.ssr_max) == (divisions.ssr_mean, divisions.ssr_max)
    assert (row.test_networks, row.measured, row.dropped) == (6, 60, 0)
    assert (row.seconds, row.epochs) == (0.5, 0.125)


def test_rows_are_ranked_by_pooled_r2_whatever_the_order(field):
    for results in (field, field[::-1]):
        [board] = ranked_tables(results)
        assert [(row.rank, row.predictor) for row in board.rows] == [
            (1, "strong"),
            (2, "weak"),
            (3, "average"),
        ]
    assert board.rows[2].r2_pooled < 0


def test_equal_scores_share_a_rank(zoo, make):
    results = [
        result
        for name, noise in [("b", 0.1), ("a", 0.1), ("c", 0.2)]
        for result in make.results(zoo, name=name, noise=noise, splits=["grouped-kfold-10"])
    ]
    [board] = ranked_tables(results)
    assert [(row.rank, row.predictor) for row in board.rows] == [(1, "a"), (1, "b"), (3, "c")]


def test_scores_that_rounding_alone_tells_apart_share_a_rank(field):
    row = ranked_tables(field)[0].rows[0]
    scores = {"b": 0.78163332304882093, "c": 0.78163332304882080, "a": 0.7816333229, "d": None}
    rows = [
        dataclasses.replace(row, predictor=name, r2_filled=score) for name, score in scores.items()
    ]
    ranks = [(row.rank, row.predictor) for row in ranked_rows(rows)]
    assert ranks == [(1, "b"), (1, "c"), (3, "a"), (None, "d")]


def test_undefined_scores_come_last_and_show_a_dash(field, zoo, make):
    nothing = make.features(zoo).iloc[:0]
    failures = dict.fromkeys(zoo.table.index, "no positive margin")
    unmeasured = make.results(zoo, name="aaa", table=nothing, failures=failures)
    [board] = ranked_tables([*unmeasured, *field])
    last = board.rows[-1]
    assert (last.rank, last.predictor, last.measured, last.dropped) == (None, "aaa", 0, 60)
    cells = {column.key: column.text(last) for column in COLUMNS}
    assert {cells[key] for key in ("rank", "r2_pooled", "mse", "ssr_max", "seconds")} == {UNDEFINED}


def test_small_zoos_are_ranked_on_leave_one_out(small_zoo, make):
    [board] = ranked_tables(make.results(small_zoo))
    assert board.ranking == "leave-one-out"
    assert board.rows[0].rank == 1
    assert board.rows[0].r2_fold_mean is None


def test_one_split_is_enough_for_a_table(field):
    one = by_split(field, "strong")
    [board] = ranked_tables([one["kfold-10"]])
    assert (board.ranking, board.rows[0].r2_pooled) == (
        "kfold-10",
        one["kfold-10"].scores.r2_pooled,
    )
    [board] = ranked_tables([one["holdout-100"]])
    assert (board.ranking, board.rows[0].rank) == (None, None)
    assert board.rows[0].ssr_mean == one["holdout-100"].scores.ssr_mean


def test_zoos_and_targets_have_tables_of_their_own(zoo, small_zoo, make, field):
    accuracy = make.results(zoo, target="test_accuracy")
    other = make.zoo(20, seed=5)
    other.digest = "6b" * 32
    found = ranked_tables([*field, *accuracy, *make.results(other)])
    assert [(board.target, len(board.rows)) for board in found] == [
        ("gap", 3),
        ("test_accuracy", 1),
        ("gap", 1),
    ]


def test_contradicting_results_are_refused(field):
    with pytest.raises(ResultError, match="two results of average on kfold-10 of toy"):
        ranked_tables([*field, field[0]])
    other = field[0].model_copy(update={"split_digest": "0" * 64, "predictor": "other"})
    with pytest.raises(ResultError, match=r"split kfold-10 of toy is not that of"):
        ranked_tables([*field, other])


@pytest.mark.parametrize("value", [0.0, 1e-300, -0.0004, 99.9996, -1e9, 1e300])
def test_every_number_has_a_short_text(value):
    for column in COLUMNS:
        if column.direction:
            text = column.format(value)
            assert len(text) <= 8
            assert math.isclose(float(text), value, rel_tol=0.06, abs_tol=0.0006)
            assert text != "-0.000"


def test_zoos_of_one_name_are_told_apart_by_digest(field):
    other = [result.model_copy(update={"zoo_digest": "6b" * 32}) for result in field]
    third = [result.model_copy(update={"zoo": "third"}) for result in field]
    found = ranked_tables([*field, *other, *third])
    assert zoo_labels(found) == ["third", f"toy@{'5a' * 6}", f"toy@{'6b' * 6}"]
