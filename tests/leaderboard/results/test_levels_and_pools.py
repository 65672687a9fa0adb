"""Splits that leave levels out, and pools of zoos, from the networks to the table and back."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import demogen
from demogen.errors import ResultError, ZooError
from demogen.format.splits import Fold
from leaderboard import benchmark, render
from leaderboard.cli import commands
from leaderboard.pages.provenance import reproduce
from leaderboard.results.ranking import ranked_tables
from leaderboard.results.result import Result, read_results
from leaderboard.results.verification import verify
from leaderboard.scoring import inputs
from leaderboard.scoring.inputs import FoldPredictions

PREDICTORS = ("parameter-count", "mean-gap")


@pytest.fixture(scope="module")
def pooled(tiny_zoo_folder, mlp_zoo_folder, tmp_path_factory):
    """A pool, and the results of two predictors on all its splits."""
    pool = demogen.Pool([demogen.load_zoo(tiny_zoo_folder), demogen.load_zoo(mlp_zoo_folder)])
    chosen = [demogen.get_predictor(name) for name in PREDICTORS]
    found = benchmark(chosen, pool, cache=tmp_path_factory.mktemp("signatures"))
    return SimpleNamespace(pool=pool, results=found)


def on(results, split, predictor="parameter-count"):
    return next(one for one in results if (one.split, one.predictor) == (split, predictor))


def test_levels_are_scored_together_and_never_by_a_mean_over_folds(make, monkeypatch):
    monkeypatch.setattr(inputs, "FEWEST_IN_FOLD", 2)
    targets = {"a": 0.0, "b": 0.1, "c": 0.5, "d": 0.6}
    # Less the centers, 0.3 and 0.2, over the spreads, 0.1 and 0.2.
    units = [-2.0, -3.0, 1.5, 1.5]
    folds = [
        FoldPredictions(
            fold=0, ids=("a", "b"), predictions=(0.1, 0.0), places=(2, 1), center=0.3, spread=0.1
        ),
        FoldPredictions(
            fold=1,
            ids=("c", "d"),
            predictions=(0.5, 0.5),
            places=(3.5, 3.5),
            center=0.2,
            spread=0.2,
        ),
    ]
    levels, partition = (
        make.score(kind, folds, {}, targets, 1) for kind in ("levels", "partition")
    )
    # Residuals are -0.1, 0.1, 0, 0.1; squared distances from the mean 0.3 are .09, .04, .04, .09.
    assert levels.r2_pooled == pytest.approx(1 - 0.03 / 0.26)
    assert levels.mse == pytest.approx(0.03 / 4)
    assert levels.pearson == pytest.approx(np.corrcoef(list(targets.values()), units)[0, 1])
    assert levels.r2_fold_mean is None
    assert (levels.ssr, levels.folds_scored) == (None, 2)
    # Within folds R² is 1 - 0.02 / 0.005 and 1 - 0.01 / 0.005.
    assert partition.r2_fold_mean == pytest.approx((-3 - 1) / 2)
    assert partition.r2_pooled == levels.r2_pooled


def test_a_result_on_levels_is_checked_as_one_on_a_partition(pooled):
    result = on(pooled.results, "leave-zoo-out")
    assert (result.split_kind, len(result.folds)) == ("levels", 2)
    assert result.scores.r2_pooled is not None
    assert result.scores.r2_fold_mean is None
    content = json.loads(result.to_json())
    lost = {**content, "folds": content["folds"][:1]}
    with pytest.raises(ResultError, match="do not test every measured network"):
        Result.from_json(json.dumps(lost).encode(), "here")
    content["scores"]["r2_fold_mean"] = 0.9
    with pytest.raises(ResultError, match=r"it claims r2_fold_mean 0\.9, but .* give None"):
        verify(Result.from_json(json.dumps(content).encode(), "here"), refit=False)


def test_predictions_for_a_zoo_are_fitted_on_the_others(pooled):
    result = on(pooled.results, "leave-zoo-out", "mean-gap")
    gap, zoo = pooled.pool.table["gap"], pooled.pool.table["zoo"]
    means = [gap[zoo != name].mean() for name in ("tiny", "tiny-mlp")]
    for fold, mean in zip(result.folds, means, strict=True):
        assert fold.predictions == pytest.approx([mean] * len(fold.ids))


def test_a_pool_is_benchmarked_as_a_zoo_is(pooled):
    pool, results = pooled.pool, pooled.results
    assert [one.split for one in results] == [*pool.splits, *pool.splits]
    assert {(one.zoo, one.zoo_digest) for one in results} == {("tiny+tiny-mlp", pool.digest)}
    for result in results:
        assert len(result.targets) == 36
        verify(result, pool)
    with pytest.raises(ResultError, match="made on zoo tiny.tiny-mlp with digest"):
        verify(results[0], pool.zoos[0])
    [board] = ranked_tables(results)
    assert board.ranking == "grouped-kfold-10"
    text = render(results)
    assert f"gap on tiny+tiny-mlp (sha256 {pool.digest[:12]})" in text
    assert reproduce(results[0]) == "demogen evaluate parameter-count --zoo tiny --zoo tiny-mlp"


def test_results_on_levels_alone_are_shown_unranked(pooled):
    [board] = ranked_tables([on(pooled.results, "leave-zoo-out")])
    assert board.ranking is None
    assert board.rows[0].r2_fold_mean is None


def test_the_command_takes_several_zoos(pooled, tiny_zoo_folder, mlp_zoo_folder, tmp_path):
    zoos = ("--zoo", str(mlp_zoo_folder), "--zoo", str(tiny_zoo_folder))

    def run(command, *words):
        return CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)

    results = tmp_path / "results"
    kept = ("--results", results, "--cache", tmp_path / "signatures")
    done = run(commands.evaluate, "mean-gap", *zoos, "--split", "leave-family-out", *kept)
    assert done.exit_code == 0
    assert "| mean-gap |" in done.stdout
    [result] = read_results(results)
    theirs = on(pooled.results, "leave-family-out", "mean-gap")
    assert result.scores == theirs.scores
    assert str(result.path).startswith(f"tiny%2Btiny-mlp@{pooled.pool.digest[:12]}/leave-family-")
    [file] = results.rglob("*.json")
    checked = run(commands.leaderboard, "verify", "--no-refit", file, *zoos)
    assert "split, targets and folds are those of zoo tiny+tiny-mlp" in checked.output
    with pytest.raises(ZooError, match="--revision v1 is for one zoo"):
        run(commands.evaluate, "mean-gap", *zoos, "--revision", "v1")


def test_the_folds_of_levels_are_fitted_on_the_other_levels(pooled):
    split = pooled.pool.splits["leave-family-out"]
    assert all(isinstance(fold, Fold) for fold in split.folds)
    family = pooled.pool.table["family"]
    assert [set(family[list(fold.train)]) for fold in split.folds] == [{"nin"}, {"mlp"}]
