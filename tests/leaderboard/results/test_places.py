"""Where results and zoos lie on this machine, noted beside results."""

from types import SimpleNamespace

import pytest

from demogen.errors import ResultError
from demogen.zoo import Zoo
from leaderboard.results.places import FILE, Places, note_places, places_of, read_places
from leaderboard.results.result import read_results, write_result


@pytest.fixture
def noted(zoo, make, tmp_path):
    """A folder with results, and what they are."""
    results = make.results(zoo, splits=["kfold-10"])
    for result in results:
        write_result(result, tmp_path)
    note_places(tmp_path, results, ['some "zoo" ü'], {"mine": "mine.py:MINE"})
    return tmp_path, results


def test_what_is_noted_is_read_and_is_no_result(noted):
    folder, results = noted
    digest = results[0].zoo_digest
    assert read_places(folder) == Places(
        str(folder), {digest: ('some "zoo" ü',)}, {"mine": "mine.py:MINE"}
    )
    assert list(read_results(folder)) == results


def test_predictors_noted_before_stay(noted):
    folder, results = noted
    note_places(folder, results, ["elsewhere"], {"other": "pack:OTHER"})
    places = read_places(folder)
    assert places.predictors == {"mine": "mine.py:MINE", "other": "pack:OTHER"}
    assert list(places.zoos.values()) == [("elsewhere",)]


@pytest.mark.parametrize("content", [b"", b"{", b'{"zoos": 1}', b'{"zoos": [], "x": 1}'])
def test_what_is_no_note_is_named(noted, content):
    folder, results = noted
    (folder / results[0].path.parts[0] / FILE).write_bytes(content)
    with pytest.raises(ResultError, match=r"places\.jsonl is no note of places; remove it"):
        read_places(folder)


def test_a_zoo_on_the_hub_is_named_by_its_commit_and_a_folder_as_it_was_given(tiny_zoo):
    assert places_of(tiny_zoo, ["my/zoo"]) == ("my/zoo",)
    on_hub = Zoo.__new__(Zoo)
    on_hub.storage = SimpleNamespace(published="owner/digits", revision="c0ffee")
    assert places_of(on_hub, ["owner/digits@v1"]) == ("owner/digits@c0ffee",)
