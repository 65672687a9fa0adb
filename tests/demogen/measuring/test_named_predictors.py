import sys

import pytest

from demogen.errors import PredictorError
from demogen.measuring.named_predictors import predictor_named

CODE = """
import demogen

class Constant(demogen.Measure):
    name = "constant"

    def __init__(self, value=1.0):
        self.value = value

    def compute(self, network):
        return {"value": self.value}

class Needy(Constant):
    def __init__(self, value):
        self.value = value

measure = Constant(2.0)
named = demogen.Predictor("named-constant", measure)
text = "text"
"""


@pytest.fixture
def code(tmp_path, monkeypatch, request):
    """A file of a name that no other test has loaded."""
    path = tmp_path / f"resolved_{abs(hash(request.node.name))}.py"
    path.write_text(CODE)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield path
    sys.modules.pop(path.stem, None)


def test_predictors_measures_and_classes_are_found_in_files_and_modules(code):
    assert predictor_named(f"{code}:named").name == "named-constant"
    assert predictor_named(f"{code.name}:measure", code.parent).name == "constant"
    assert predictor_named(f"{code.stem}:Constant").measure.value == 1.0
    assert predictor_named("baselines.dummy:MEAN_GAP").name == "mean-gap"
    assert predictor_named("mean-gap").name == "mean-gap"
    assert predictor_named("normalized-loss(p=1)").measure.p == 1


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("nammed", "no attribute for .*:nammed 'nammed'; did you mean 'named'"),
        ("text", "is no demogen.Predictor and no demogen.Measure"),
        ("Needy", "is not made: TypeError: .*missing 1 required"),
    ],
)
def test_what_is_no_predictor_is_told_in_one_line(code, attribute, message):
    with pytest.raises(PredictorError, match=message) as error:
        predictor_named(f"{code}:{attribute}")
    assert "\n" not in str(error.value)


def test_what_does_not_load_is_told_in_one_line(code, tmp_path):
    code.write_text("raise ValueError('first\\nsecond')")
    with pytest.raises(PredictorError, match="does not load: ValueError: first second"):
        predictor_named(f"{code}:MINE")
    with pytest.raises(PredictorError, match="does not load: ModuleNotFoundError: No module"):
        predictor_named("no_such_package_here:MINE")
    with pytest.raises(PredictorError, match=r"there is no file .*nowhere\.py"):
        predictor_named(f"{tmp_path}/nowhere.py:MINE")
    with pytest.raises(PredictorError, match="did you mean 'mean-gap'"):
        predictor_named("meen-gap")


def test_a_file_in_a_folder_where_modules_are_looked_for_is_no_other_module(code, monkeypatch):
    monkeypatch.syspath_prepend(code.parent)
    assert predictor_named(f"{code}:named").name == "named-constant"
    assert predictor_named(f"{code}:measure").name == "constant"


def test_a_file_called_as_a_module_is_refused(tmp_path):
    (tmp_path / "json.py").write_text(CODE)
    with pytest.raises(PredictorError, match=r"json\.py is called as an installed module"):
        predictor_named(f"{tmp_path}/json.py:named")
