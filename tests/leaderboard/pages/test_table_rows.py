import dataclasses

import pytest
from sklearn.dummy import DummyRegressor

from leaderboard.pages.table_rows import STANDARD, rows_on_split, table_rows
from leaderboard.results.ranking import ranked_tables


@pytest.fixture(scope="module")
def field(zoo, make):
    return [
        *make.results(zoo, name="average", regressor=DummyRegressor()),
        *make.results(zoo, name="weak", noise=0.3),
        *make.results(zoo, name="strong", noise=0.02),
    ]


def test_rows_on_a_split_hold_its_scores_alone(field):
    [table] = ranked_tables(field)
    for split in table.splits:
        for row in rows_on_split(table, split):
            scores = table.results[row.predictor][split].scores
            for name in ("r2_pooled", "r2_fold_mean", "mse", "pearson", "ssr_mean", "ssr_max"):
                assert getattr(row, name) == getattr(scores, name)
            assert (row.measured, row.paper) == (60, "jiang2019")


def test_rows_on_a_split_are_ranked_on_it(field):
    [table] = ranked_tables(field)
    worst = table.results["strong"]["kfold-10"]
    spoiled = worst.model_copy(
        update={"scores": worst.scores.model_copy(update={"r2_pooled": -9.0})}
    )
    results = {**table.results, "strong": {**table.results["strong"], "kfold-10": spoiled}}
    changed = dataclasses.replace(table, results=results)
    assert [(row.rank, row.predictor) for row in rows_on_split(changed, "kfold-10")] == [
        (1, "weak"),
        (2, "average"),
        (3, "strong"),
    ]
    assert rows_on_split(changed, STANDARD)[0].predictor == "strong"


def test_holdouts_are_ordered_by_their_sums_and_not_ranked(field):
    [table] = ranked_tables(field)
    rows = rows_on_split(table, "holdout-100")
    assert [row.predictor for row in rows] == ["strong", "weak", "average"]
    assert {row.rank for row in rows} == {None}
    assert rows[0].ssr_mean < rows[1].ssr_mean < rows[2].ssr_mean


def test_equal_scores_share_a_rank(zoo, make):
    same = [
        result
        for name, noise in [("b", 0.1), ("a", 0.1), ("c", 0.2)]
        for result in make.results(zoo, name=name, noise=noise, splits=["kfold-10"])
    ]
    [table] = ranked_tables(same)
    assert [(row.rank, row.predictor) for row in rows_on_split(table, "kfold-10")] == [
        (1, "a"),
        (1, "b"),
        (3, "c"),
    ]


def test_a_predictor_without_a_split_has_no_row_on_it(field):
    some = [r for r in field if r.predictor != "weak" or r.split == "kfold-10"]
    [table] = ranked_tables(some)
    assert {row.predictor for row in rows_on_split(table, "holdout-100")} == {"average", "strong"}
    shown = [(row.split, row.cells.predictor) for row in table_rows([table])]
    assert len(shown) == 3 + 7
    assert [split for split, _ in shown[:3]] == [STANDARD] * 3
