from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

from demogen.errors import PredictorError, ZooError
from demogen.measuring import measurements as measuring
from demogen.measuring.least_squares import LeastSquares
from demogen.measuring.predictor import Measure, Predictor
from leaderboard import Result, benchmark, evaluate
from leaderboard.results.evaluation import score_split
from leaderboard.results.scored_split import versions
from leaderboard.results.targets import TARGETS
from leaderboard.results.verification import verify


class Noisy(Measure):
    name = "noisy"

    def __init__(self, noise=0.05):
        self.noise = noise

    def compute(self, network):
        raise AssertionError("measure_all is answered from the table")


@pytest.fixture
def calls(monkeypatch, make):
    """Calls of measure_all, which is answered from the zoo's table."""
    made = []

    def measure_all(measures, zoo, **how):
        made.append((list(measures), how))
        return [make.measured(make.features(zoo, noise=measure.noise)) for measure in measures]

    monkeypatch.setattr(measuring, "measure_all", measure_all)
    return made


def test_all_predictors_are_measured_together_once(zoo, calls):
    predictors = [Predictor("one", Noisy()), Predictor("two", Noisy(), ["b"]), Noisy(0.2)]
    found = benchmark(predictors, zoo, workers=3, cache=False)
    assert [(result.predictor, result.split) for result in found] == [
        (name, split) for name in ("one", "two", "noisy") for split in zoo.splits
    ]
    assert calls == [
        ([p.measure for p in predictors[:2]] + predictors[2:], {"workers": 3, "cache": False})
    ]
    assert found[3].columns == ("b",)
    assert len(found[3].signatures["net-000"]) == 1


def test_one_predictor_or_measure_needs_no_list(zoo, calls):
    for one in (Predictor("noisy", Noisy()), Noisy()):
        assert [result.predictor for result in benchmark(one, zoo, splits=["kfold-10"])] == [
            "noisy"
        ]


def test_evaluate_judges_on_the_ranking_split_by_default(zoo, calls):
    result = evaluate(Noisy(), zoo)
    assert isinstance(result, Result)
    assert (result.split, result.target) == ("grouped-kfold-10", "gap")
    assert result.measure.parameters == {"noise": 0.05}
    assert result.access == "weights"
    assert result.regressor == "LeastSquares()"
    assert result.scores.r2_pooled > 0.8
    assert result.versions == versions()
    assert "scikit-learn" in result.versions


@pytest.mark.parametrize("target", TARGETS)
def test_targets_come_from_the_table(zoo, calls, target):
    result = evaluate(Noisy(), zoo, target=target)
    assert result.targets == zoo.table[target].to_dict()
    assert result.target == target


def without_target(zoo, networks):
    table = zoo.table.copy()
    table.loc[networks, "test_normalized_cross_entropy"] = np.nan
    return SimpleNamespace(**vars(zoo) | {"table": table})


def test_networks_without_the_target_are_dropped_with_the_reason(zoo, make):
    partly = without_target(zoo, ["net-001", "net-031"])
    table = make.features(zoo).drop(["net-001", "net-002"])
    measurements = make.measured(table, [("net-001", "no positive margin")])
    predictor, split = make.Predictor("p"), zoo.splits["kfold-10"]
    result = score_split(predictor, measurements, partly, split, "test_normalized_cross_entropy")
    assert result.dropped == {
        "net-001": "no positive margin",
        "net-002": "not measured",
        "net-031": "no test_normalized_cross_entropy: the normalized network is not defined",
    }
    assert len(result.targets) == 57
    assert verify(result, partly, refit=False)
    assert Result.from_json(result.to_json(), "again") == result
    assert "net-031" in score_split(predictor, measurements, partly, split, "gap").targets


def test_a_zoo_without_the_target_is_told_before_anything_is_measured(zoo, calls):
    none = without_target(zoo, list(zoo.table.index))
    with pytest.raises(ZooError, match="^no network of zoo toy has a test_normalized_cross_ent"):
        evaluate(Noisy(), none, target="test_normalized_cross_entropy")
    assert calls == []
    assert evaluate(Noisy(), none).target == "gap"


def test_mistakes_are_told_before_anything_is_measured(zoo, small_zoo, calls):
    with pytest.raises(ZooError, match="no split of zoo toy 'kfold10'; did you mean 'kfold-10'"):
        evaluate(Noisy(), zoo, split="kfold10")
    with pytest.raises(ZooError, match="no target 'gaps'; did you mean 'gap'"):
        evaluate(Noisy(), zoo, target="gaps")
    with pytest.raises(ZooError, match="of 12 networks has only the split 'leave-one-out'"):
        evaluate(Noisy(), small_zoo)
    with pytest.raises(PredictorError, match="two predictors are called 'noisy'"):
        benchmark([Noisy(), Noisy(0.1)], zoo)
    assert calls == []
    assert evaluate(Noisy(), small_zoo, split="leave-one-out").split == "leave-one-out"


def test_a_feature_that_is_not_there_is_named(zoo, calls):
    with pytest.raises(PredictorError, match="no feature of noisy 'z'"):
        evaluate(Predictor("p", Noisy(), ["z"]), zoo)


def test_a_failing_regressor_is_named_with_its_predictor(zoo, calls):
    predictor = Predictor("p", Noisy(), regressor=LinearRegression(positive="maybe"))
    with pytest.raises(PredictorError, match=r"^p on grouped-kfold-10 of toy: the regressor"):
        evaluate(predictor, zoo)


def test_networks_without_a_signature_are_dropped_with_the_reason(zoo, make):
    table = make.features(zoo)
    table.loc["net-004", "b"] = np.nan
    measurements = make.measured(
        table.drop(["net-001", "net-002"]), [("net-001", "no positive margin")]
    )
    result = score_split(make.Predictor("p"), measurements, zoo, zoo.splits["kfold-10"], "gap")
    assert result.dropped == {
        "net-001": "no positive margin",
        "net-002": "not measured",
        "net-004": "no value of b",
    }
    assert len(result.targets) == 57
    assert result.seconds == 0.5
    tested = {network for fold in result.folds for network in fold.ids}
    assert tested == set(result.targets)


def test_a_measure_defined_nowhere_makes_a_result_without_scores(zoo, make):
    measurements = SimpleNamespace(
        table=make.features(zoo).iloc[:0, :0],
        failures=dict.fromkeys(zoo.table.index, "no batch norm"),
        seconds={},
        epochs={},
        image_limit=None,
    )
    predictor = make.Predictor("p", columns=("a",))
    result = score_split(predictor, measurements, zoo, zoo.splits["kfold-10"], "gap")
    assert result.skipped_folds == tuple(range(10))
    assert len(result.dropped) == 60
    assert result.scores.r2_pooled is None
    assert result.scores.fit_r2 is None
    assert result.seconds is None


def test_seconds_are_those_of_the_networks_measured(zoo, make):
    failures = {f"net-{number:03d}": "no positive margin" for number in range(40)}
    table = make.features(zoo).drop(list(failures))
    measurements = make.measured(table, failures.items())
    result = score_split(make.Predictor("p"), measurements, zoo, zoo.splits["kfold-10"], "gap")
    assert result.seconds == 0.5


def test_a_signature_without_features_is_measured_all_the_same(zoo, make):
    measurements = make.measured(make.features(zoo)[[]])
    predictor = make.Predictor("p", DummyRegressor(), columns=())
    result = score_split(predictor, measurements, zoo, zoo.splits["kfold-10"], "gap")
    assert (len(result.targets), result.columns, result.dropped) == (60, (), {})
    assert list(result.fit.values()) == pytest.approx([zoo.table["gap"].mean()] * 60)


def test_more_columns_than_networks_are_warned_of(make):
    few = make.zoo(4, copies=3)
    table = pd.concat([make.features(few, columns=6, seed=seed) for seed in (1, 2)], axis=1)
    table.columns = [f"feature-{number}" for number in range(12)]
    with pytest.warns(RuntimeWarning, match="columns of rank 11 on 12 networks: least squares"):
        make.results(few, table=table)


def test_a_column_that_says_nothing_more_is_warned_of_and_shown(make):
    zoo = make.zoo(8)
    table = make.features(zoo, columns=2)
    table["again"] = 3 * table.iloc[:, 0]
    with pytest.warns(RuntimeWarning, match="1 of its varying columns cannot be told from the"):
        [found, *_] = make.results(zoo, table=table, regressor=LeastSquares())
    assert (found.model.rank, found.model.lost) == (2, 1)


def test_results_on_several_splits_hold_what_is_the_same_once(zoo, calls):
    first, second = benchmark([Noisy()], zoo, splits=["kfold-10", "holdout-100"])
    for part in ("signatures", "targets", "configurations", "factors"):
        assert getattr(first, part) is getattr(second, part)
    alone = evaluate(Noisy(), zoo, split="holdout-100")
    assert alone.to_json() == second.to_json()


def test_results_of_a_sample_of_the_images_say_so(tiny_zoo):
    options = {"image_limit": 40, "cache": False}
    sampled, mean = benchmark(["train-loss", "mean-gap"], tiny_zoo, splits=["kfold-10"], **options)
    assert sampled.predictor == "train-loss(image_limit=40)"
    assert sampled.measure.parameters["image_limit"] == 40
    assert mean.predictor == "mean-gap"
    assert "image_limit" not in mean.measure.parameters
