import sys
import types
import warnings

import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from demogen.errors import PredictorError
from demogen.measuring import measurements as measuring
from demogen.measuring.predictor import Predictor
from leaderboard import benchmark
from leaderboard.results import side_by_side
from tests.leaderboard.results.given import Given


@pytest.fixture
def scored(monkeypatch, make, zoo):
    """Results of predictors by so many workers, and the warnings on the way."""

    def measure_all(measures, zoo, **how):
        return [
            make.measured(make.features(zoo, noise=one.noise).iloc[:, : one.columns])
            for one in measures
        ]

    def by_workers(predictors, workers):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = benchmark(predictors, zoo, workers=workers)
        return found, [(one.category, str(one.message)) for one in caught]

    monkeypatch.setattr(measuring, "measure_all", measure_all)
    monkeypatch.setattr(side_by_side, "FEWEST", 2)
    return by_workers


def doubtful(X):
    warnings.warn("an odd column", UserWarning, stacklevel=2)
    return X


def test_processes_give_the_same_results_and_warnings_in_the_same_order(scored):
    predictors = [
        Predictor("one", Given()),
        Predictor(
            "odd",
            Given(0.1),
            regressor=make_pipeline(FunctionTransformer(doubtful), DummyRegressor()),
        ),
        Predictor("two", Given(0.2), ["b"], LinearRegression()),
    ]
    here, warned_here = scored(predictors, workers=1)
    there, warned_there = scored(predictors, workers=2)
    assert there == here
    assert [one.to_json() for one in there] == [one.to_json() for one in here]
    assert warned_there == warned_here
    assert (UserWarning, "an odd column") in warned_here


def test_results_from_processes_share_what_is_the_same_on_each_split(scored):
    first, second, *_ = scored([Predictor("one", Given()), Predictor("two", Given())], workers=2)[0]
    assert (first.predictor, second.predictor) == ("one", "one")
    assert first.split != second.split
    assert first.signatures is second.signatures
    assert first.targets is second.targets


def test_few_results_start_no_process(scored, monkeypatch, zoo):
    monkeypatch.setattr(side_by_side, "FEWEST", 2 * len(zoo.splits) + 1)
    monkeypatch.setattr(side_by_side, "map_tasks", None)
    assert len(scored([Given(), Given(0.1)][:1], workers=2)[0]) == len(zoo.splits)


def test_a_regressor_that_fails_in_a_process_is_named(scored):
    failing = Predictor("failing", Given(), regressor=DummyRegressor(strategy="none"))
    with pytest.raises(
        PredictorError, match="failing on .*: the regressor Dummy.* fails on fold 0"
    ):
        scored([failing], workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_warning_is_told_once_unless_a_filter_of_its_place_or_kind_is_against(
    scored, zoo, workers
):
    steps = FunctionTransformer(doubtful), DummyRegressor()
    dated = FunctionTransformer(outdated), DummyRegressor()
    predictors = [
        Predictor("dependent", Given(0.0, 3)),
        Predictor("odd", Given(), regressor=make_pipeline(*steps)),
        Predictor("dated", Given(), regressor=make_pipeline(*dated)),
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        warnings.filterwarnings("ignore", module="sklearn")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("default", category=DeprecationWarning, module=__name__)
        results = benchmark(predictors, zoo, workers=workers)
    assert len(results) == 3 * len(zoo.splits) > 3
    [(category, message)] = [(one.category, str(one.message)) for one in caught]
    assert category is RuntimeWarning
    assert message.startswith("dependent on ")


def outdated(X):
    warnings.warn("an old way", DeprecationWarning, stacklevel=2)
    return X


def test_libraries_that_came_with_a_module_since_are_limited_too(monkeypatch):
    before = side_by_side._libraries(len(sys.modules))
    assert side_by_side._libraries(len(sys.modules)) is before
    monkeypatch.setitem(sys.modules, "with_threads_of_its_own", types.ModuleType("with_threads"))
    assert side_by_side._libraries(len(sys.modules)) is not before
