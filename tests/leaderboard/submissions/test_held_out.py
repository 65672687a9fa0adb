from types import SimpleNamespace

import numpy as np
import pytest

from demogen.errors import SubmissionError
from demogen.measuring.least_squares import LeastSquares
from leaderboard.scoring.metrics import r2
from leaderboard.submissions import held_out
from leaderboard.submissions.folder import read_folder
from leaderboard.submissions.held_out import judged, score_on_held_out
from leaderboard.submissions.rerun_isolation import Limits

SPLIT = ["kfold-10"]


@pytest.fixture(scope="module")
def other(make):
    """A zoo of other networks."""
    zoo = make.zoo(20, seed=8)
    zoo.table.index = [f"other-{network}" for network in zoo.table.index]
    zoo.name, zoo.digest = "other", "77" * 32
    return zoo


def signatures_of(make, zoo, **how):
    return make.features(zoo, **how).to_dict("index")


def test_the_regressor_is_fitted_to_the_one_zoo_and_judged_on_the_other(make, zoo, other):
    [result] = make.results(zoo, splits=SPLIT)
    signatures = signatures_of(make, other, seed=3)
    score = judged(result, LeastSquares(), other, signatures)
    train, test = sorted(result.targets), sorted(signatures)
    X = np.array([[1.0, *result.signatures[n]] for n in train])
    weights = np.linalg.lstsq(X, np.array([result.targets[n] for n in train]), rcond=None)[0]
    predicted = [[1.0, *(signatures[n][c] for c in result.columns)] @ weights for n in test]
    gap = other.table["gap"].to_dict()
    assert score.r2 == pytest.approx(r2([gap[n] for n in test], predicted), abs=1e-9)
    assert (score.zoo_digest, score.networks, score.missing) == ("77" * 32, 60, 0)


def test_the_best_of_many_random_measures_is_found_out(make, zoo, other):
    """Chosen with the gap in hand it scores well on the zoo, and below the mean on another."""
    [best] = make.results(zoo, splits=SPLIT, table=projections(zoo, 5))
    for seed in range(6, 60):
        [result] = make.results(zoo, splits=SPLIT, table=projections(zoo, seed))
        best = max(best, result, key=lambda one: one.scores.r2_pooled)
    assert best.scores.r2_pooled > 0.1
    score = judged(best, LeastSquares(), other, projections(other, 0).to_dict("index"))
    assert score.r2 < 0


def projections(zoo, seed):
    """Random features, of which those of one configuration are alike."""
    draw = np.random.default_rng(seed)
    names = sorted(set(zoo.table["configuration"]))
    of = dict(zip(names, draw.normal(size=(len(names), 5)), strict=True))
    table = zoo.table[["configuration"]].sort_index()
    for place, column in enumerate("abcde"):
        table[column] = [of[name][place] for name in table["configuration"]]
    return table[list("abcde")]


def test_what_the_code_does_not_measure_is_predicted_by_the_mean(make, zoo, other):
    [result] = make.results(zoo, splits=SPLIT)
    signatures = signatures_of(make, other, seed=3)
    some = {network: signatures[network] for network in sorted(signatures)[:10]}
    some["other-net-059"] = {"a": 1.0}
    score = judged(result, LeastSquares(), other, some)
    assert score.missing == 50
    nothing = judged(result, LeastSquares(), other, {})
    mean = np.mean(list(result.targets.values()))
    gap = list(other.table["gap"])
    assert nothing.r2 == pytest.approx(r2(gap, [mean] * 60), abs=1e-12)
    assert nothing.r2 < score.r2


def test_a_zoo_that_the_submission_knows_is_not_held_out(make, zoo, made):
    contents = read_folder(made.folder)
    with pytest.raises(SubmissionError, match="is on the zoo that was to be held out; hold anothe"):
        score_on_held_out(contents, zoo, Limits())
    copy = SimpleNamespace(**{**vars(zoo), "digest": "77" * 32, "name": "copy"})
    with pytest.raises(SubmissionError, match="net-000 is in copy and in toy; hold out a zoo of o"):
        judged(contents.results[0], LeastSquares(), copy, {})


def test_all_networks_are_measured_by_the_code_in_batches(make, made, other, monkeypatch):
    signatures = signatures_of(make, other, seed=3)
    asked, checked = [], []

    def measure(contents, result, zoo, ids, limits):
        asked.append((zoo.name, len(ids), limits.seconds))
        files = {n: SimpleNamespace(id=f"network-{place}") for place, n in enumerate(ids)}
        given = {of.id: signatures[n] for n, of in files.items() if n != "other-net-007"}
        return files, SimpleNamespace(signatures=given), "11"

    monkeypatch.setattr(held_out, "measure_by_code", measure)
    monkeypatch.setattr(held_out, "check_output", lambda *given: checked.append(given[2]))
    contents = read_folder(made.folder)
    [(path, score)] = score_on_held_out(contents, other, Limits(seconds=9)).items()
    assert path == "toy@5a5a5a5a5a5a/grouped-kfold-10/gap/toy-predictor.json"
    assert asked == [("other", 32, 9), ("other", 28, 9)]
    assert checked == [{}, {}]
    assert (score.networks, score.missing) == (60, 1)
    expected = {n: s for n, s in signatures.items() if n != "other-net-007"}
    assert score == judged(contents.results[0], contents.regressor, other, expected)
