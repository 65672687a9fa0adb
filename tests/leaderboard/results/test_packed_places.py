"""Results are not written where they would contradict packed ones."""

import pytest

from demogen.errors import ResultError
from leaderboard.results.pack_folder import pack_folder
from leaderboard.results.packed_places import check_places
from leaderboard.results.result import read_results, write_result
from tests.leaderboard.conftest import results_of, zoo_of

SPLITS = ["grouped-kfold-10", "kfold-10"]


@pytest.fixture(scope="module")
def made():
    zoo = zoo_of(12, copies=2)
    return [one for name in ("b(p=1)", "a") for one in results_of(zoo, name, SPLITS)]


@pytest.fixture
def packed(made, tmp_path):
    for result in made:
        write_result(result, tmp_path / "results")
    pack_folder(tmp_path / "results", tmp_path / "packed")
    return tmp_path / "packed"


def test_the_same_and_others_may_be_written(made, packed, tmp_path):
    more = made[0].model_copy(update={"predictor": "c"})
    check_places([*made, more], packed)
    check_places(made, tmp_path / "nowhere")
    write_result(more, packed)
    assert len(read_results(packed)) == 5


def test_another_in_the_place_of_one_is_refused(made, packed):
    """It was written, and then nothing could read the folder."""
    again = made[1].model_copy(update={"seconds": 9.0})
    with pytest.raises(
        ResultError,
        match=r"toy@5a5a5a5a5a5a\.parquet holds another result of b\(p=1\) on kfold-10, gap; name",
    ):
        check_places([made[0], again], packed)


def test_a_file_that_holds_none_is_refused(made, packed):
    (packed / "toy@5a5a5a5a5a5a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ResultError, match="no results: it cannot be read as a Parquet file"):
        check_places(made, packed)
