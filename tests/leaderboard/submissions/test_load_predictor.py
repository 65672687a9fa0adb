import sys

import pytest

from demogen.errors import PredictorError, SubmissionError
from leaderboard.submissions.load_predictor import file_of, resolve

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
    assert resolve(f"{code}:named").name == "named-constant"
    assert resolve(f"{code.name}:measure", code.parent).name == "constant"
    assert resolve(f"{code.stem}:Constant").measure.value == 1.0
    assert resolve("baselines.dummy:MEAN_GAP").name == "mean-gap"
    assert resolve("mean-gap").name == "mean-gap"
    assert resolve("normalized-loss(p=1)").measure.p == 1


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("nammed", "no attribute for .*:nammed 'nammed'; did you mean 'named'"),
        ("text", "is no demogen.Predictor and no demogen.Measure"),
        ("Needy", "is not made: TypeError: .*missing 1 required"),
    ],
)
def test_what_is_no_predictor_is_told_in_one_line(code, attribute, message):
    with pytest.raises(SubmissionError, match=message) as error:
        resolve(f"{code}:{attribute}")
    assert "\n" not in str(error.value)


def test_what_does_not_load_is_told_in_one_line(code, tmp_path):
    code.write_text("raise ValueError('first\\nsecond')")
    with pytest.raises(SubmissionError, match="does not load: ValueError: first second"):
        resolve(f"{code}:MINE")
    with pytest.raises(SubmissionError, match="does not load: ModuleNotFoundError: No module"):
        resolve("no_such_package_here:MINE")
    with pytest.raises(SubmissionError, match=r"there is no file .*nowhere\.py"):
        resolve(f"{tmp_path}/nowhere.py:MINE")
    with pytest.raises(PredictorError, match="did you mean 'mean-gap'"):
        resolve("meen-gap")


def test_a_file_called_as_a_module_is_refused(tmp_path):
    (tmp_path / "json.py").write_text(CODE)
    with pytest.raises(SubmissionError, match=r"json\.py is called as an installed module"):
        resolve(f"{tmp_path}/json.py:named")


def test_the_file_of_a_predictor(tmp_path):
    assert file_of("my_package:MINE") is None
    assert file_of("normalized-loss(p=1)") is None
    assert file_of("some/where/mine.py:MINE").name == "mine.py"
    with pytest.raises(SubmissionError, match="names no file that can be submitted"):
        file_of("some/my measure.py:MINE")
