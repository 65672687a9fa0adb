"""A packed folder of results is read as the folder that it was made of."""

import json
import shutil

import pytest

from demogen.errors import ResultError
from leaderboard.results import packing
from leaderboard.results.chances import BestByChance, read_chances, write_chances
from leaderboard.results.origins import Merge, MergedFile, ledger_of
from leaderboard.results.pack_folder import pack_folder
from leaderboard.results.result import read_results, write_file, write_result
from tests.leaderboard.conftest import results_of, zoo_of

SPLITS = ["grouped-kfold-10", "kfold-10"]


@pytest.fixture(scope="module")
def two_zoos():
    zoo, other = zoo_of(12, copies=2), zoo_of(10, copies=2, seed=3)
    other.name, other.digest = "toy-2", "6b" * 32
    return [
        *results_of(zoo, "b(p=1)", SPLITS),
        *results_of(zoo, "a", SPLITS),
        *results_of(other, "a", SPLITS),
    ]


@pytest.fixture
def folder(two_zoos, tmp_path):
    for result in two_zoos:
        write_result(result, tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def into(tmp_path):
    return tmp_path / "packed"


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_one_file_a_zoo_holds_the_same_results_in_the_same_order(folder, into):
    packed, written = pack_folder(folder, into)
    assert names(into) == ["toy-2@6b6b6b6b6b6b.parquet", "toy@5a5a5a5a5a5a.parquet"]
    assert sorted(written) == [into / name for name in names(into)]
    assert list(read_results(into)) == list(packed) == list(read_results(folder))
    assert len(packed) == 6


def test_packing_again_gives_the_same_bytes_also_from_packed_files(folder, into, tmp_path):
    pack_folder(folder, into)
    again = tmp_path / "again"
    pack_folder(into, again)
    assert names(again) == names(into)
    for name in names(into):
        assert (again / name).read_bytes() == (into / name).read_bytes()


def test_files_beside_packed_ones_are_read_and_equal_ones_count_once(folder, into, two_zoos):
    pack_folder(folder, into)
    (into / "toy-2@6b6b6b6b6b6b.parquet").unlink()
    assert len(read_results(into)) == 4
    write_result(two_zoos[0], into)
    write_result(two_zoos[-1], into)
    assert len(read_results(into)) == 5
    changed = two_zoos[0].model_copy(update={"seconds": 7.0})
    write_result(changed, into)
    with pytest.raises(ResultError, match="another result than this lies in the place of toy@"):
        read_results(into)


def test_a_file_of_another_zoo_or_of_none_is_refused_in_one_line(folder, into):
    pack_folder(folder, into)
    (into / "toy-2@6b6b6b6b6b6b.parquet").rename(into / "toy-2@000000000000.parquet")
    with pytest.raises(ResultError) as refused:
        read_results(into)
    assert str(refused.value) == (
        f"{into / 'toy-2@000000000000.parquet'} holds a result of another zoo; name a file of its "
        "results toy-2@6b6b6b6b6b6b.parquet"
    )
    (into / "toy-2@000000000000.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ResultError, match=r"000\.parquet: no results: it cannot be read as a Parq"):
        read_results(into)


def test_other_parquet_files_are_no_results(folder, into):
    pack_folder(folder, into)
    (into / "table.parquet").write_bytes(b"of somebody")
    assert len(read_results(into)) == 6


def merged(folder, result, content=None):
    """Note a result as merged from a submission."""
    import hashlib

    path = folder / result.path
    if content is not None:
        path.write_bytes(content)
    file = MergedFile(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), claimed=("zoo",))
    day = {"day": "2026-05-01", "authors": ("A",), "measure": "m"}
    merge = Merge.model_validate({**day, "files": {str(result.path): file}})
    write_file(ledger_of(folder, result.predictor), f"{merge.model_dump_json()}\n".encode())


def test_who_submitted_a_result_comes_along(folder, into, two_zoos):
    merged(folder, two_zoos[-1])
    pack_folder(folder, into)
    results = read_results(into)
    claims = [results.origin(one).claimed if results.origin(one) else () for one in results]
    assert sorted(claims) == [(), (), (), (), (), ("zoo",)]
    assert results.origin(two_zoos[-1]) == read_results(folder).origin(two_zoos[-1])


def test_a_merged_file_that_could_not_be_made_again_is_refused(folder, into, two_zoos):
    plain = json.dumps(json.loads(two_zoos[-1].to_json())).encode()
    merged(folder, two_zoos[-1], plain)
    assert len(read_results(folder)) == 6
    with pytest.raises(ResultError, match="is not the file that was merged"):
        pack_folder(folder, into)
    assert not into.exists()


def test_merges_are_neither_left_behind_nor_forgotten(folder, into, two_zoos, tmp_path):
    merged(folder, two_zoos[-1])
    with pytest.raises(ResultError, match=r"does not stand in .*; name the folder above"):
        pack_folder(folder / two_zoos[-1].path.parts[0], into)
    pack_folder(folder, into)
    shutil.rmtree(folder / "submissions")
    merged(folder, two_zoos[2])
    with pytest.raises(ResultError, match=r"a\.jsonl knows of other merges"):
        pack_folder(folder, into)


def test_results_that_contradict_what_lies_there_are_refused(folder, into, two_zoos):
    """They were packed all the same, and nothing could read the folder any more."""
    changed = two_zoos[0].model_copy(update={"seconds": 7.0})
    own = write_result(changed, into)
    with pytest.raises(ResultError, match="is another result than the one in its place"):
        pack_folder(folder, into)
    merged(into, changed)
    own.unlink()
    with pytest.raises(ResultError, match="is not the file that was merged"):
        pack_folder(folder, into)
    assert names(into) == ["submissions/b%28p%3D1%29.jsonl"]
    write_result(two_zoos[0], into)
    merged(into, two_zoos[0])
    pack_folder(folder, into)
    assert len(read_results(into)) == 6


def test_more_than_can_be_read_again_is_not_written(folder, into, monkeypatch):
    monkeypatch.setattr(packing, "PACKED_BYTES", 30_000)
    with pytest.raises(ResultError, match=r"results do not fit into one toy.*: it holds more than"):
        pack_folder(folder, into)
    assert not into.exists()


def test_what_the_best_has_by_chance_comes_along(folder, into, two_zoos):
    zoo = two_zoos[0].path.parts[0]
    chance = BestByChance(
        zoo_digest=two_zoos[0].zoo_digest,
        split=two_zoos[0].split,
        split_digest=two_zoos[0].split_digest,
        target="gap",
        tried={"a": 0.5},
        left_out={},
        best=(0.1, 0.2),
    )
    write_chances(folder, zoo, [chance])
    pack_folder(folder, into)
    assert read_chances(into) == [chance]


def test_a_folder_within_is_refused(folder):
    for into in (folder, folder / "packed"):
        with pytest.raises(ResultError, match="lies within"):
            pack_folder(folder, into)
    assert len(names(folder)) == 6
