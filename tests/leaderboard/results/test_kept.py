import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from demogen.measuring import measurements as measuring
from demogen.measuring.predictor import Predictor
from leaderboard import benchmark
from leaderboard.results import kept as module
from leaderboard.results import side_by_side
from leaderboard.results.kept import KeptResults
from leaderboard.results.result import read_results
from tests.leaderboard.results.given import Given


class OneMore(RegressorMixin, BaseEstimator):
    """A regressor of one's own, whose constant a test changes as an author would."""

    more = 1.0

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_ + self.more)


PREDICTORS = (
    Predictor("one", Given()),
    Predictor("two", Given(0.2), ["b"], Ridge(0.1)),
    Predictor("dependent", Given(0.0, 3)),
)


@pytest.fixture
def run(monkeypatch, make, zoo, tmp_path):
    """Scores predictors as `demogen evaluate` does; how many were made, and what was warned."""
    made, of = [], {"zoo": zoo, "seconds": 0.5}
    score = side_by_side.score_split_of

    def measure_all(measures, zoo, **how):
        features = (make.features(zoo, noise=one.noise, columns=one.columns) for one in measures)
        return [make.measured(table, seconds=of["seconds"]) for table in features]

    def counted(predictor, *others):
        made.append(predictor.name)
        return score(predictor, *others)

    def run(predictors=PREDICTORS, folder="results", **options):
        made.clear()
        kept = KeptResults(tmp_path / folder, tmp_path / "measurements")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results = benchmark(list(predictors), of["zoo"], kept=kept, **options)
            found = kept.write(results)
        return SimpleNamespace(
            results=results,
            made=len(made),
            found=found,
            warned=[(one.category, str(one.message)) for one in caught],
        )

    monkeypatch.setattr(measuring, "measure_all", measure_all)
    monkeypatch.setattr(side_by_side, "score_split_of", counted)
    run.of, run.folder = of, tmp_path / "results"
    return run


def test_what_has_not_changed_is_not_made_again(run, zoo):
    first = run()
    files = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*.json")}
    second = run()
    count = len(PREDICTORS) * len(zoo.splits)
    assert (first.made, first.found) == (count, 0)
    assert (second.made, second.found) == (0, count)
    assert [one.to_json() for one in second.results] == [one.to_json() for one in first.results]
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*.json")} == files
    assert second.warned == first.warned
    assert any("cannot be told from the others" in message for _, message in first.warned)
    shared = second.results[0], second.results[1]
    assert shared[0].signatures is shared[1].signatures


def test_processes_make_only_what_is_missing(run, monkeypatch, zoo):
    run(PREDICTORS[:1])
    monkeypatch.setattr(side_by_side, "FEWEST", 2)
    both = run(workers=2)
    assert both.found == len(zoo.splits)
    assert both.made == 0  # here; processes made the rest
    alone = run(folder="others")
    assert [one.to_json() for one in both.results] == [one.to_json() for one in alone.results]
    assert both.warned == alone.warned
    assert run(workers=2).found == len(both.results)


@pytest.mark.parametrize("change", ["seconds", "zoo", "target", "summary", "regressor", "version"])
def test_whatever_goes_into_a_result_is_made_anew_where_it_changes(
    run, change, make, monkeypatch, zoo
):
    predictor, options = Predictor("one", Given(), regressor=Ridge(0.1)), {}
    run([predictor])
    if change == "seconds":
        run.of["seconds"] = 0.75
    elif change == "zoo":
        run.of["zoo"] = make.zoo(20, seed=9)
        run.of["zoo"].digest = zoo.digest
    elif change == "target":
        options["target"] = "test_accuracy"
    elif change == "summary":
        predictor = Predictor("one", Given(), regressor=Ridge(0.1), summary="another line")
    elif change == "regressor":
        predictor = Predictor("one", Given(), regressor=Ridge(0.2))
    else:
        monkeypatch.setattr("leaderboard.results.scored_split.versions", lambda: {"python": "4.0"})
    again = run([predictor], **options)
    assert again.found == 0
    assert again.made == len(again.results)
    # Of two targets both hold, for they lie in files of their own.
    assert run([predictor], **options).made == 0


def test_code_of_a_regressor_counts(run, monkeypatch):
    predictor = Predictor("own", Given(), regressor=OneMore())
    before = run([predictor]).results[0].fit
    assert run([predictor]).made == 0
    monkeypatch.setattr(OneMore, "more", 2.0)
    after = run([predictor])
    assert after.found == 0
    assert after.results[0].fit == {name: value + 1 for name, value in before.items()}


def test_code_of_this_package_counts(run, monkeypatch):
    run()
    monkeypatch.setattr(module, "_code", lambda: "of another commit")
    assert run().found == 0
    assert run().made == 0


def test_a_file_that_was_changed_or_is_gone_is_made_and_written_anew(run):
    first = run()
    path, other = sorted(run.folder.rglob("*.json"))[:2]
    whole = path.read_bytes()
    # Another score, no input: nothing but the bytes tells that it was not made so.
    content = json.loads(whole)
    content["scores"]["mse"] /= 2
    path.write_text(json.dumps(content, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    other.unlink()
    second = run()
    assert second.made == 2
    assert second.found == len(first.results) - 2
    assert path.read_bytes() == whole
    assert len(read_results(run.folder)) == len(first.results)


def test_what_is_known_may_be_damaged_or_lost(run, tmp_path):
    run()
    [known] = (tmp_path / "measurements").iterdir()
    known.write_text("{")
    assert run().found == 0
    known.unlink()
    assert run().found == 0
    assert run().made == 0


def test_a_file_that_goes_while_others_are_scored_is_written_again(run):
    [first] = {one.path for one in run(PREDICTORS[:1], splits=["kfold-10"]).results}
    kept = KeptResults(run.folder, run.folder.parent / "measurements")
    results = benchmark(list(PREDICTORS[:1]), run.of["zoo"], splits=["kfold-10"], kept=kept)
    (run.folder / first).unlink()
    assert kept.write(results) == 0
    assert [one.path for one in read_results(run.folder)] == [first]


def test_two_runs_at_once_keep_what_both_made(run):
    both = []
    for predictor in PREDICTORS[:2]:
        kept = KeptResults(run.folder, run.folder.parent / "measurements")
        both.append((kept, benchmark([predictor], run.of["zoo"], kept=kept)))
    for kept, results in both:
        kept.write(results)
    assert run(PREDICTORS[:2]).made == 0


def draws(X):
    return X + np.random.normal(size=X.shape)  # noqa: NPY002


@pytest.mark.parametrize("workers", [1, 2])
def test_what_no_seed_decides_is_made_each_time(run, workers, monkeypatch):
    monkeypatch.setattr(side_by_side, "FEWEST", 2)
    forest = Predictor("forest", Given(), regressor=RandomForestRegressor(2))
    noisy = make_pipeline(FunctionTransformer(draws), DummyRegressor())
    seeded = Predictor("seeded", Given(), regressor=RandomForestRegressor(2, random_state=0))
    predictors = [forest, Predictor("noisy", Given(), regressor=noisy), seeded]
    run(predictors, splits=["kfold-10"], workers=workers)
    assert run(predictors, splits=["kfold-10"], workers=workers).found == 1


def warns(X):
    warnings.warn("an odd column", UserWarning, stacklevel=2)
    return X


class Drawn:
    """A function with a generator of random numbers, which no digest can follow."""

    def __init__(self):
        self.generator = np.random.default_rng(0)

    def __call__(self, X):
        return X + self.generator.normal(size=X.shape)


@pytest.mark.parametrize("function", [warns, Drawn()], ids=["other warnings", "a generator"])
def test_what_warns_otherwise_or_cannot_be_followed_is_made_each_time(run, function):
    steps = FunctionTransformer(function), DummyRegressor()
    predictor = Predictor("odd", Given(), regressor=make_pipeline(*steps))
    first, second = run([predictor]), run([predictor])
    assert (second.made, second.found) == (first.made, 0)
    assert second.warned == first.warned


def test_where_nothing_can_be_kept_a_warning_says_so(run, tmp_path):
    (tmp_path / "measurements").write_text("no folder")
    first = run()
    [(category, message)] = [one for one in first.warned if "anew the next time" in one[1]]
    assert category is RuntimeWarning
    assert str(tmp_path / "measurements") in message
    assert run().made == len(first.results)
