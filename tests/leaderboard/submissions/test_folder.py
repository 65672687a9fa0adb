import json
import os
import re
import shutil

import pytest

from demogen.errors import SubmissionError
from leaderboard.submissions import folder as module
from leaderboard.submissions.folder import read_folder


def refused(made):
    with pytest.raises(SubmissionError) as error:
        read_folder(made.folder)
    message = str(error.value)
    assert "\n" not in message
    assert message.isascii()
    return message.replace(str(made.folder), "mine")


def test_an_honest_one_is_read_whole(made, results):
    (made.folder / "README.md").write_text("for people")
    made.seal()
    contents = read_folder(made.folder)
    assert [result.split for result in contents.results] == ["grouped-kfold-10", "kfold-10"]
    assert all(result in results for result in contents.results)
    assert set(contents.files) == {"submission.toml", *made.listed.files}
    assert contents.submission.zoos == ("toy@5a5a5a5a5a5a",)


def test_a_10_gb_file_is_refused_by_its_size_unread(made, monkeypatch):
    with made.result().open("r+b") as file:
        file.truncate(10 << 30)
    monkeypatch.setattr(module, "_read", lambda *given: pytest.fail("a file was read"))
    assert refused(made).endswith(
        "is 10,737,418,240 bytes long, more than the 67,108,864 that such a file may have; "
        "it was not read"
    )


def test_too_many_bytes_or_files_together_are_refused(made, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 2)
    assert refused(made).startswith("mine holds more than 2 files or")
    monkeypatch.setattr(module, "MOST_FILES", 3)
    monkeypatch.setattr(module, "ALL_BYTES", 1000)
    assert refused(made).startswith("mine holds more than 3 files or 1,000 bytes")


def test_symbolic_links_are_refused(made, tmp_path):
    path = made.result()
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    assert refused(made).endswith(
        "'results/toy@5a5a5a5a5a5a/kfold-10/gap/toy-predictor.json' is a symbolic link; put the "
        "file itself there"
    )
    path.unlink()
    shutil.rmtree(path.parent)
    path.parent.symlink_to(tmp_path)
    assert "gap' is a symbolic link" in refused(made)


def test_a_folder_that_is_a_link_is_refused(made, tmp_path):
    (tmp_path / "link").symlink_to(made.folder)
    with pytest.raises(SubmissionError, match="link is no folder"):
        read_folder(tmp_path / "link")


def test_a_pipe_is_refused_and_does_not_hang(made):
    os.mkfifo(made.folder / "README.md")
    assert refused(made) == "mine: 'README.md' is no regular file; take it out"


@pytest.mark.parametrize(
    "path", ["../outside.json", "results/../../outside.json", "/etc/passwd", "results//a.json"]
)
def test_paths_out_of_the_folder_are_refused(made, path):
    made.say(files={**made.listed.files, path: "0" * 64})
    assert refused(made) == (
        f"mine: {path!r} is listed in submission.toml, and leads out of the folder"
    )


def test_what_does_not_belong_is_refused(made):
    stray = made.folder / "results" / "run.sh"
    stray.write_text("x")
    made.seal()
    assert refused(made).startswith("mine: 'results/run.sh' does not belong to a submission")
    stray.unlink()
    (made.folder / "con\u202eftest.py").write_text("x")
    assert refused(made).startswith(r"mine: 'con\u202eftest.py' does not belong")
    os.remove(made.folder / "con\u202eftest.py")
    deep = made.folder / "results/a/b/c/d/e"
    deep.mkdir(parents=True)
    assert "lies deeper than any result" in refused(made)


def test_missing_and_unlisted_files_are_refused(made):
    path = made.result()
    content = path.read_bytes()
    path.unlink()
    assert refused(made).endswith("is listed in submission.toml, but is missing")
    path.write_bytes(content)
    (made.folder / "README.md").write_text("for people")
    assert refused(made) == "mine: 'README.md' is not listed in submission.toml; submit again"


def test_an_edited_file_is_refused(made):
    made.result().write_bytes(made.result().read_bytes() + b" ")
    assert "is not the file that submission.toml lists" in refused(made)


def test_the_predictors_file_belongs_and_must_be_there(made):
    made.say(predictor="mine.py:MINE")
    assert refused(made) == "mine: 'mine.py' is the predictor's file, but is missing"
    (made.folder / "mine.py").write_text("raise SystemExit('never run')")
    made.seal()
    assert read_folder(made.folder).submission.code == "mine.py"


def test_a_result_elsewhere_than_it_belongs_is_refused(made):
    path = made.result()
    path.rename(path.with_name("better.json"))
    made.seal()
    assert "does not lie where it belongs: results/toy@5a5a5a5a5a5a/kfold-10/gap/toy" in refused(
        made
    )


def test_no_submission_and_no_results_are_told(made, tmp_path):
    shutil.rmtree(made.folder / "results")
    made.seal()
    assert refused(made).startswith("mine holds no results")
    (made.folder / "submission.toml").unlink()
    assert refused(made).startswith("mine has no submission.toml: it is no submission")
    with pytest.raises(SubmissionError, match="nowhere is no folder"):
        read_folder(tmp_path / "nowhere")


def spoil(made, change):
    content = json.loads(made.result().read_bytes())
    change(content)
    made.result().write_text(json.dumps(content))
    made.seal()


def test_another_format_version_of_a_result_is_named(made):
    spoil(made, lambda content: content.update(format_version=99, anything="else"))
    assert "a result of format version 99, but this demogen reads 3" in refused(made)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(made, number):
    spoil(made, lambda content: content["targets"].update({"net-003": number}))
    assert refused(made).endswith("targets.net-003: Input should be a finite number")


def test_a_number_too_large_for_a_double_is_refused(made):
    text = made.result().read_text()
    made.result().write_text(text.replace('"seconds": 0.5', '"seconds": 1e999'))
    made.seal()
    assert refused(made).endswith("seconds: Input should be a finite number")


@pytest.mark.parametrize("text", ["", "[" * 100_000, "7", "[]", '{"format_version": 3}'])
def test_what_is_no_result_is_refused(made, text):
    made.result().write_text(text)
    made.seal()
    assert re.search("no valid result: |no result: ", refused(made))
