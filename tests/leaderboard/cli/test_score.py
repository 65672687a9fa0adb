import gzip
import json
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner

import leaderboard
from demogen.errors import DemogenError, ResultError, TableError
from leaderboard.cli.score import score
from leaderboard.results.pack_folder import pack_folder
from leaderboard.results.result import read_results, write_result
from tests.published_tables import FOLDER, PGDL_FACTORS, at_hand


def run(*words):
    return CliRunner().invoke(score, list(map(str, words)), catch_exceptions=False)


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "model": [f"{number:03d}" for number in range(40)],
            "gap": [0.01 * (number % 20) + 0.001 * (number % 3) for number in range(40)],
            "bs": [32, 64] * 20,
            "drop,out": [0.1 * (number % 10) for number in range(40)],
            "VR": [number % 20 for number in range(40)],
            "A=B+C": [number % 7 for number in range(40)],
        }
    )


@pytest.fixture(params=["csv", "csv.gz", "parquet"])
def file(request, frame, tmp_path):
    path = tmp_path / f"networks.{request.param}"
    frame.to_parquet(path) if request.param == "parquet" else frame.to_csv(path, index=False)
    return path


def test_a_file_gives_what_the_function_gives(file, frame, tmp_path):
    words = ["--id", "model", "--factors", 'bs,"drop,out"', "--measures", "VR,both=VR+bs,A=B+C"]
    words += ["--test-images", 500, "--results", tmp_path / "r", "--json", tmp_path / "all.json"]
    done = run(file, *words)
    assert done.exit_code == 0
    expected = leaderboard.score_table(
        frame,
        id="model",
        factors=["bs", "drop,out"],
        measures={"VR": ["VR"], "both": ["VR", "bs"], "A=B+C": ["A=B+C"]},
        test_images=500,
        name="networks",
    )
    assert done.stdout == leaderboard.render(expected)
    assert done.stderr == f"{len(expected)} results in {tmp_path / 'r'}\n"
    read = {result.path: result for result in read_results(tmp_path / "r")}
    assert read == {result.path: result for result in expected}
    written = json.loads((tmp_path / "all.json").read_text())
    assert [one["scores"] for one in written] == [
        result.scores.model_dump(mode="json") for result in expected
    ]
    assert written[0]["columns"] == ["VR"]


def test_results_that_contradict_packed_ones_are_not_written(frame, tmp_path):
    table, first, packed = (tmp_path / name for name in ("t.csv", "first", "packed"))
    frame.to_csv(table, index=False)
    words = (table, "--id", "model", "--factors", "bs", "--measures", "VR")
    assert run(*words, "--results", first).exit_code == 0
    pack_folder(first, packed)
    assert run(*words, "--results", packed).exit_code == 0
    shutil.rmtree(packed)
    for result in read_results(first):
        write_result(result.model_copy(update={"paper": "another"}), first)
    pack_folder(first, packed)
    with pytest.raises(ResultError, match="parquet holds another result of VR on .*; name another"):
        run(*words, "--results", packed)
    assert not list(packed.rglob("*.json"))


def test_formats(frame, tmp_path):
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = (tmp_path / "t.csv", "--factors", "bs", "--measures", "VR", "--format")
    text = run(*words, "text").stdout
    assert text.splitlines()[1].split()[:3] == ["Rank", "Predictor", "R²"]
    assert max(map(len, text.splitlines())) <= 80
    (row,) = json.loads(run(*words, "json").stdout)
    assert row["predictor"] == "VR"
    assert 0.9 < row["r2_pooled"] < 1
    assert row["seconds"] is None
    (tmp_path / "t.parquet").write_bytes(run(*words, "parquet").stdout_bytes)
    assert pd.read_parquet(tmp_path / "t.parquet")["r2_pooled"].tolist() == [row["r2_pooled"]]
    assert run(*words, "csv").stdout.startswith("zoo,zoo_digest,target,rank,predictor")


def test_what_is_left_out_is_said(frame, tmp_path):
    frame.loc[[2, 3], "VR"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = run(tmp_path / "t.csv", "--id", "model", "--factors", "bs", "--measures", "VR,bs")
    assert "VR: 2 networks left out (002: no value of VR)" in done.stderr
    assert "the networks make 2 configurations, too few" in done.stderr
    assert "the mean target outside of its fold stands in" in done.stdout


def test_ids_are_text_and_names_stand_once(tmp_path):
    from demogen.format.table_files import read_table

    (tmp_path / "t.csv").write_text("id,x\n007,1\nNA,0.1\n")
    assert read_table(tmp_path / "t.csv", "id")["id"].tolist() == ["007", "NA"]
    for text, message in (
        ("x,x\n1,2\n", "two columns are called 'x'"),
        ("", "cannot be read as a table: Empty CSV"),
        ("id\n1,2\n3,4,5\n", "cannot be read as a table"),
        ("idd,x\n1,2\n", "no column of t.csv 'id'; did you mean 'idd'"),
    ):
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(TableError, match=message):
            read_table(tmp_path / "t.csv", "id")
    (tmp_path / "t.parquet").write_bytes(b"no parquet")
    with pytest.raises(TableError, match="cannot be read as a table"):
        read_table(tmp_path / "t.parquet", "id")
    (tmp_path / "t.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(TableError, match="it is no gzip file"):
        read_table(tmp_path / "t.csv.gz", "id")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"id,x\n" + bytes(65 << 20)))
    with pytest.raises(TableError, match="it unpacks to more than"):
        read_table(tmp_path / "t.csv.gz", "id")
    (tmp_path / "t.txt").touch()
    with pytest.raises(TableError, match=r"a table is a \.csv or a \.parquet file"):
        read_table(tmp_path / "t.txt", "id")
    with pytest.raises(TableError, match="cannot be read: No such file"):
        read_table(tmp_path / "none.csv", "id")


@at_hand
def test_published_scores_come_out_of_the_command(tmp_path):
    words = [FOLDER / "pgdl-task2.csv", "--id", "model", "--measures", "VR,WCV", "--format", "json"]
    words += ["--factors", ",".join(PGDL_FACTORS["pgdl-task2"]), "--split", "kfold-10"]
    found = {row["predictor"]: row["measure_pgdl"] for row in json.loads(run(*words).stdout)}
    assert found == pytest.approx({"VR": 19.5815, "WCV": 37.4414}, abs=1e-4)


@pytest.mark.parametrize("option", ["--json", "--results"])
def test_places_that_cannot_be_written_are_named_before_scoring(file, monkeypatch, option):
    def score_nothing(*given, **options):
        raise AssertionError("scored first")

    monkeypatch.setattr("leaderboard.results.table_scores.score_table", score_nothing)
    words = (file, "--id", "model", "--factors", "bs", "--measures", "VR")
    with pytest.raises(DemogenError, match="is no folder"):
        run(*words, option, file / "new")
