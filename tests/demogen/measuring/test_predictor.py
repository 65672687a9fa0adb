import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import StackingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge

from demogen import Measure, Predictor, PredictorError


class Counts(Measure):
    name = "counts"

    def __init__(self, of=("weights",)):
        self.of = of

    def compute(self, network):
        return {"parameters": float(len(list(network.module.parameters())))}


class Nameless(Measure):
    def compute(self, network):
        return {}


class Lists(Counts):
    def __init__(self, of=("weights",)):
        self.of = list(of)


class Forgets(Counts):
    def __init__(self, of=("weights",)):
        pass


def count(network):
    return {"parameters": 1.0}


class Keeps(Ridge):
    def __init__(self, penalties=(1.0,)):
        super().__init__()
        self.penalties = list(penalties)


@pytest.mark.parametrize(
    ("measure", "rest", "fault"),
    [
        (Counts, {}, "its measure is the class Counts; give an instance"),
        (count, {}, "its measure is of type function; give an instance of a class of demogen.Meas"),
        (Nameless(), {}, "the class of its measure, Nameless, sets no `name`"),
        (Lists(), {}, "its measure cannot be cloned .*parameter of.*; a constructor only stores"),
        (Forgets(), {}, "its measure cannot be cloned .*no attribute 'of'.*under its own name"),
        (Counts(), {"columns": "ab"}, "its columns are 'ab'; give a list of names of features"),
        (Counts(), {"columns": [1]}, r"its columns are \[1\]; give a list"),
        (Counts(), {"columns": 3}, "its columns are 3; give a list"),
        (Counts(), {"columns": {"b", "a"}}, "its columns are {.*}; give a list"),
        (Counts(), {"columns": iter(["a"])}, "its columns are <list_iterator .*; give a list"),
        (Counts(), {"paper": None}, "its paper and its summary are texts"),
        (Counts(), {"regressor": "ridge"}, "its regressor is of type str; give an unfitted"),
        (Counts(), {"regressor": Ridge}, r"is the class Ridge; .* sklearn.linear_model.Ridge\(\)"),
        (Counts(), {"regressor": Keeps()}, "its regressor cannot be cloned .*penalties"),
    ],
)
def test_what_could_not_be_measured_or_fitted_is_refused_where_it_is_written(measure, rest, fault):
    with pytest.raises(PredictorError, match=f"^predictor 'p': .*{fault}") as error:
        Predictor("p", measure, **rest)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_predictor_has_a_name(name):
    with pytest.raises(PredictorError, match="its name is no text, or empty"):
        Predictor(name, Counts())


@pytest.mark.parametrize("columns", [["a"], ("a", "b"), np.array(["a"]), pd.Index(["a"]), []])
def test_columns_may_stand_in_anything_that_keeps_their_order(columns):
    assert list(Predictor("p", Counts(), columns).columns) == list(columns)


def test_a_regressor_may_get_its_predict_late_or_from_another():
    stacked = StackingRegressor([("ridge", Ridge())])
    assert not hasattr(stacked, "predict")
    frozen = FrozenEstimator(Ridge().fit([[1.0], [2.0]], [1.0, 2.0]))
    assert not hasattr(type(frozen), "predict")
    for regressor in (stacked, frozen):
        assert Predictor("p", Counts(), regressor=regressor).regressor is regressor


def test_a_class_or_an_unnamed_measure_is_refused_in_place_of_a_measure_too():
    for given in (Counts, Nameless()):
        with pytest.raises(PredictorError, match="class"):
            Predictor.from_measure(given)
