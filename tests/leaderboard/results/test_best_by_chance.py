import json
import os

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.dummy import DummyRegressor

import leaderboard
from demogen.errors import ResultError
from demogen.measuring.least_squares import LeastSquares
from leaderboard.cli.commands import leaderboard as commands
from leaderboard.pages.site import write_site
from leaderboard.results import best_by_chance as module
from leaderboard.results.best_by_chance import best_by_chance, selection_in_words, with_chances
from leaderboard.results.chances import FILE, BestByChance, read_chances, write_chances
from leaderboard.results.ranking import ranked_tables
from leaderboard.results.result import write_result
from leaderboard.scoring.metrics import r2

SPLIT = ["grouped-kfold-10"]
SAME = {"first": LeastSquares(), "second": LeastSquares(), "third": LeastSquares()}


@pytest.fixture(scope="module")
def three(zoo, make):
    """Results of three predictors; the second lacks four networks."""
    lost = dict.fromkeys(sorted(zoo.table.index)[:4], "too large")
    table = make.features(zoo, noise=1.0, seed=2).drop(index=list(lost))
    return [
        *make.results(zoo, "first", SPLIT, noise=0.2),
        *make.results(zoo, "second", SPLIT, table=table, failures=lost),
        *make.results(zoo, "third", SPLIT, noise=3.0, columns=5, seed=3),
    ]


@pytest.fixture(scope="module")
def table(three):
    [table] = ranked_tables(three)
    return table


def reference(results, zoo, deals):
    """By the definition, least squares solved by numpy; the best R² over all networks."""
    ids = sorted(zoo.table.index)
    y = zoo.table["gap"].loc[ids].to_numpy()
    configuration = zoo.table["configuration"].loc[ids].to_numpy()
    rows = np.array([np.flatnonzero(configuration == name) for name in sorted(set(configuration))])
    draw = np.random.RandomState(0)
    best = []
    for _ in range(deals):
        dealt = y.copy()
        dealt[rows.ravel()] = y[rows[draw.permutation(len(rows))].ravel()]
        scores = []
        for result in results:
            measured = np.array([id in result.signatures for id in ids])
            X = np.array(
                [[1.0, *result.signatures.get(id, [0.0] * len(result.columns))] for id in ids]
            )
            predicted = np.empty_like(y)
            for fold in zoo.splits[SPLIT[0]].folds:
                test = np.isin(ids, list(fold.test))
                fitted = measured & ~test
                weights = np.linalg.lstsq(X[fitted], dealt[fitted], rcond=None)[0]
                predicted[test] = np.where(measured[test], X[test] @ weights, dealt[~test].mean())
            scores.append(r2(dealt, predicted))
        best.append(max(scores))
    return sorted(best)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_best_of_each_deal_is_that_of_the_definition(three, table, zoo, workers):
    found = best_by_chance(table, SAME, deals=25, workers=workers)
    expected = reference(three, zoo, 25)
    np.testing.assert_allclose(found.best, expected, atol=1e-10)
    assert found.tried == {row.predictor: row.r2_filled for row in table.rows}
    observed = max(found.tried.values())
    assert found.p == (1 + sum(score >= observed for score in expected)) / 26
    assert found.median == pytest.approx(np.median(expected), abs=1e-10)


def test_the_best_of_many_is_better_by_chance_than_one(make, zoo):
    many = [
        *make.results(zoo, "p0", SPLIT, noise=9.0, columns=1, seed=0),
        *(
            one
            for seed in range(1, 12)
            for one in make.results(zoo, f"p{seed}", SPLIT, noise=9.0, columns=1, seed=seed)
        ),
    ]
    found = {}
    for count in (1, 12):
        [table] = ranked_tables(many[:count])
        regressors = {f"p{number}": LeastSquares() for number in range(count)}
        found[count] = best_by_chance(table, regressors, deals=19)
    assert found[12].median > found[1].median
    assert found[12].p > 0.05, "none of them knows the gaps"


def test_what_cannot_be_fitted_again_is_named(table, make, zoo):
    found = best_by_chance(table, {"first": LeastSquares()}, deals=2)
    assert sorted(found.left_out) == ["second", "third"]
    assert "no predictor 'second'" in found.left_out["second"]
    assert list(found.tried) == ["first"]
    with pytest.raises(ResultError, match="no predictor can be fitted again; first: no predictor"):
        best_by_chance(table, {})
    with pytest.raises(ResultError, match="0 deals say nothing"):
        best_by_chance(table, SAME, deals=0)
    [alone] = ranked_tables(make.results(zoo, splits=["holdout-100"]))
    with pytest.raises(ResultError, match="no results of toy on a split that ranks"):
        best_by_chance(alone)


def test_gaps_that_cannot_be_dealt_out_and_scores_not_defined_are_refused(three, make, zoo):
    names = dict.fromkeys(three[0].targets, "one")
    [table] = ranked_tables([three[0].model_copy(update={"configurations": names})])
    with pytest.raises(ResultError, match="no two configurations of toy have equally many"):
        best_by_chance(table, SAME, deals=2)
    [constant] = ranked_tables(
        [
            make.results(zoo, "first", SPLIT)[0].model_copy(
                update={"targets": dict.fromkeys(three[0].targets, 0.5)}
            )
        ]
    )
    with pytest.raises(ResultError, match="R² of no predictor of toy is defined"):
        best_by_chance(constant, {"first": DummyRegressor()}, deals=2)


def test_it_is_kept_beside_the_results_and_shown_while_they_stay(table, three, tmp_path):
    found = best_by_chance(table, SAME, deals=3)
    path = write_chances(tmp_path, three[0].path.parts[0], [found])
    assert path == tmp_path / "toy@5a5a5a5a5a5a" / FILE
    assert read_chances(tmp_path) == [found]
    [shown] = with_chances([table], [found])
    assert shown.chance == found
    said = selection_in_words(shown)
    assert said.startswith("3 predictors were tried here. With targets dealt out")
    assert f"(3 times, all 3 fitted again), the best R² of all is {found.median:.3f}" in said
    assert said in leaderboard.render(three, chances=[found])
    assert said in leaderboard.render(three, "html", chances=[found])
    for results in (three[:2], [three[0].model_copy(update={"split_digest": "0" * 64})]):
        [other] = with_chances(ranked_tables(results), [found])
        assert other.chance is None
    assert selection_in_words(table) == "3 predictors were tried here."
    assert selection_in_words(other) == "One predictor was tried here."
    index = write_site(three, tmp_path / "site", chances=[found]).read_text()
    assert said in index


def test_what_was_not_fitted_again_is_not_counted_as_if(three, table, make, zoo):
    """All were said to be, where one had no result on the split that ranks."""
    [elsewhere] = make.results(zoo, "elsewhere", ["kfold-10"], noise=0.2)
    [wider] = ranked_tables([*three, elsewhere])
    found = best_by_chance(wider, SAME, deals=3)
    [shown] = with_chances([wider], [found])
    said = selection_in_words(shown)
    assert said.startswith("4 predictors were tried here.")
    assert "(3 times, 3 of them fitted again), the best R²" in said
    assert f"at most; the best of these has p = {found.p:.3g}." in said
    partly = best_by_chance(table, {"first": LeastSquares()}, deals=3)
    [shown] = with_chances([table], [partly])
    assert "(3 times, 1 of them fitted again)" in selection_in_words(shown)
    [alone] = ranked_tables(three[:1])
    [shown] = with_chances([alone], [best_by_chance(alone, SAME, deals=3)])
    assert "(3 times, fitted again), the best R²" in selection_in_words(shown)
    assert "at most; it has p = " in selection_in_words(shown)


def test_scores_that_changed_are_other_results(table, three, make, zoo):
    found = best_by_chance(table, SAME, deals=1)
    changed = [*make.results(zoo, "first", SPLIT, noise=0.3), *three[1:]]
    [other] = with_chances(ranked_tables(changed), [found])
    assert other.chance is None


@pytest.mark.parametrize(
    "content", [b"{}", b"no json", b"\xff", b"[]\n", b'{"format_version": 2}\n']
)
def test_a_file_that_is_none_is_refused(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ResultError, match=r"chance.jsonl is no file of chances; remove it"):
        read_chances(tmp_path)


def test_the_command_writes_what_build_shows(three, make, zoo, tmp_path, monkeypatch):
    lost = make.results(zoo, "lost", ["holdout-100"], target="test_accuracy")
    for result in [*three, *lost]:
        write_result(result, tmp_path / "results")
    regressors = {"first": LeastSquares(), "second": LeastSquares()}
    monkeypatch.setattr(
        module,
        "best_by_chance",
        lambda table, deals, workers: best_by_chance(table, regressors, deals, workers),
    )
    words = ["--results", str(tmp_path / "results")]
    run = CliRunner().invoke(commands, ["chance", *words, "--deals", "4", "--json"])
    assert run.exit_code == 0, run.output
    [of_gap] = json.loads(run.stdout)["tables"]
    assert (of_gap["target"], of_gap["tried"], of_gap["deals"]) == ("gap", 2, 4)
    assert "gap on toy: third was not fitted again: no predictor 'third'" in run.stderr
    assert "test_accuracy on toy: left out: no results of toy on a split that ranks" in run.stderr
    [found] = read_chances(tmp_path / "results")
    assert found.median == of_gap["median"]
    site = tmp_path / "site"
    assert CliRunner().invoke(commands, ["build", *words, "--site", str(site)]).exit_code == 0
    assert "(4 times, 2 of them fitted again)" in (site / "index.html").read_text()
    before = (tmp_path / "results/toy@5a5a5a5a5a5a" / FILE).read_bytes()
    run = CliRunner().invoke(commands, ["chance", *words, "--deals", "4"])
    assert "gap on toy: 3 predictors were tried here." in run.stdout
    assert (tmp_path / "results/toy@5a5a5a5a5a5a" / FILE).read_bytes() == before
    assert os.listdir(tmp_path / "results") == ["toy@5a5a5a5a5a5a"]


def test_where_no_table_can_be_fitted_again_nothing_is_written(make, zoo, tmp_path):
    for result in make.results(zoo, "mine", SPLIT):
        write_result(result, tmp_path)
    run = CliRunner().invoke(commands, ["chance", "--results", str(tmp_path)])
    assert isinstance(run.exception, ResultError)
    assert not list(tmp_path.rglob(FILE))


def test_a_model_of_it_holds_numbers_alone(table):
    found = best_by_chance(table, SAME, deals=1)
    with pytest.raises(ValueError, match="best"):
        BestByChance.model_validate(found.model_dump() | {"best": ()})
    with pytest.raises(ValueError, match="tried"):
        BestByChance.model_validate(found.model_dump() | {"tried": {"first": float("nan")}})
