import pytest

from demogen.errors import SubmissionError
from leaderboard.results.result import read_results
from leaderboard.submissions.folder import read_folder
from leaderboard.submissions.merging import merge


def test_results_lie_where_they_belong_and_merging_again_changes_nothing(made, tmp_path):
    contents = read_folder(made.folder)
    new = merge(contents, tmp_path / "there")
    assert len(new) == 2
    assert read_results(tmp_path / "there") == list(contents.results)
    assert merge(contents, tmp_path / "there") == []


def test_what_is_there_with_other_content_is_refused_and_nothing_is_copied(made, tmp_path):
    there = tmp_path / "there"
    contents = read_folder(made.folder)
    place = there / contents.results[-1].path
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    with pytest.raises(SubmissionError, match="is there with other content"):
        merge(contents, there)
    assert [path for path in there.rglob("*") if path.is_file()] == [place]
    place.unlink()
    place.symlink_to(made.folder / "results" / contents.results[-1].path)
    with pytest.raises(SubmissionError, match="is there with other content"):
        merge(contents, there)
