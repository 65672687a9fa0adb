"""`demogen leaderboard publish`, as it is typed, on a Hub on this machine."""

import json

import pytest
from click.testing import CliRunner

from demogen.errors import ResultError
from leaderboard.cli.commands import leaderboard
from leaderboard.pages.space import HEADER
from leaderboard.results.places import note_places
from leaderboard.results.result import write_result
from tests.hub.server import WRITER

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def publish(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)

    def publish(folder, *more):
        words = ["publish", "ours/board", "--results", str(folder), "--endpoint", hub.endpoint]
        done = CliRunner().invoke(leaderboard, [*words, *more], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return publish


def held(hub):
    space = hub.repository("spaces/ours/board")
    files = space.files(space.resolve("main"))
    return {path: space.content(entry.etag).read_bytes() for path, entry in files.items()}


def test_the_pages_of_the_results_are_there_and_follow_them(
    hub, publish, zoo, make, results, tmp_path
):
    folder = tmp_path / "results"
    others = make.results(zoo, name="other-predictor", splits=["kfold-10"])
    for result in (*results, *others):
        write_result(result, folder)
    note_places(folder, results, ["/home/me/zoo"], {"toy-predictor": "/home/me/mine.py:MINE"})
    assert f"published {len(results) + 1} results to {hub.endpoint}/spaces/ours/board" in publish(
        folder
    )
    first = held(hub)
    assert first["README.md"].decode() == HEADER
    assert b"toy-predictor" in first["index.html"]
    assert "predictors/other-predictor.html" in first
    assert not [path for path, content in first.items() if b"/home/me" in content]
    assert "nothing new to send" in publish(folder)
    (folder / others[0].path).unlink()
    told = json.loads(publish(folder, "--json"))
    assert told["target"] == "ours/board"
    assert told["results"] == len(results)
    assert 0 < told["changes"] < len(first)
    after = held(hub)
    assert "predictors/other-predictor.html" not in after
    assert b"other-predictor" not in after["index.html"]


def test_without_results_nothing_is_made(hub, publish, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match="no results in"):
        publish(tmp_path / "empty")
    assert not hub.faults.requests
