import json

import pytest

from demogen.errors import SubmissionError
from leaderboard.submissions.manifest import Submission, file_of

TRUE = {
    "format_version": 1,
    "name": "my-measure(p=1)",
    "authors": ['Ada Ünal \\ "A"', "B \U0001f600"],
    "paper": "",
    "predictor": "my.py:MINE",
    "zoos": ["toy@5a5a5a5a5a5a"],
    "splits": ["kfold-10"],
    "files": {"results/a b.json": "0" * 64},
}


def test_what_is_written_is_read_back():
    made = Submission.from_content(TRUE, "here")
    assert Submission.from_toml(made.to_toml(), "here") == made
    assert made.code == "my.py"
    assert Submission.from_content({**TRUE, "predictor": "my_py:MINE"}, "here").code is None


@pytest.mark.parametrize("version", [2, "1", True, None])
def test_another_format_is_named_before_anything_else_is_looked_at(version):
    text = b"nonsense = 1\n"
    if version is not None:
        text += f"format_version = {json.dumps(version)}\n".encode()
    with pytest.raises(SubmissionError, match=rf"submission format {version!r} is not known here"):
        Submission.from_toml(text, "here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"authors": []}, "authors: .*at least 1"),
        ({"authors": ["two\nlines"]}, "authors.0: .*pattern"),
        ({"name": "\x1b[31mred"}, "name: .*pattern"),
        ({"name": 3}, "name: .*string"),
        ({"unknown": 1}, "unknown: Extra"),
        ({"files": {"a": "b"}}, "files.a"),
    ],
)
def test_what_is_no_submission_is_named(change, message):
    with pytest.raises(SubmissionError, match=message) as error:
        Submission.from_content({**TRUE, **change}, "here")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [b"\xff", b"a = ", b"a = " + b"[" * 100_000])
def test_what_is_no_toml_is_named(text):
    with pytest.raises(SubmissionError, match="here is no manifest of a submission: it "):
        Submission.from_toml(text, "here")


def test_the_file_of_a_predictor(tmp_path):
    assert file_of("my_package:MINE") is None
    assert file_of("normalized-loss(p=1)") is None
    assert file_of("some/where/mine.py:MINE").name == "mine.py"
    with pytest.raises(SubmissionError, match="names no file that can be submitted"):
        file_of("some/my measure.py:MINE")
