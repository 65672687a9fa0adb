"""The state of a leaderboard: what its digest covers, and what it refuses."""

import hashlib
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from demogen import cli
from demogen.description import citation
from demogen.errors import ResultError
from demogen.format.results_state import ResultsState

DIGEST = "0123456789ab"


@pytest.fixture
def folder(tmp_path):
    for path, text in {
        f"toy@{DIGEST}/kfold-10/gap/a.json": "1",
        f"toy@{DIGEST}/kfold-10/gap/b%28p%3D1%29.json": "2",
        f"toy@{DIGEST}/leave-width-out/gap/a.json": "3",
        f"other@{DIGEST}/kfold-10/gap/a.json": "4",
        "submissions/a.jsonl": "5",
        f"toy@{DIGEST}/places.jsonl": "of this machine",
        "notes.txt": "of somebody",
    }.items():
        (tmp_path / "results" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / path).write_text(text)
    return tmp_path / "results"


def test_it_says_what_there_is(folder):
    state = ResultsState.of(folder)
    entry = state.bibtex()
    assert entry.startswith(f"@misc{{leaderboard-{state.digest[:12]},\n")
    assert "4 results of 2 predictors on 2 zoos" in entry
    assert f"sha256:{state.digest} of" in entry
    assert state.pin() == f"leaderboard of 4 results, sha256:{state.digest}"


def test_the_digest_is_that_of_what_sha256sum_prints(folder):
    paths = sorted(
        path.relative_to(folder).as_posix()
        for pattern in ("*/*/*/*.json", "submissions/*.jsonl")
        for path in folder.glob(pattern)
    )
    lines = (
        f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n" for path in paths
    )
    assert ResultsState.of(folder).digest == hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        (lambda folder: (folder / f"toy@{DIGEST}/kfold-10/gap/a.json").write_text("9"), True),
        (lambda folder: (folder / f"toy@{DIGEST}/kfold-10/gap/a.json").unlink(), True),
        (lambda folder: (folder / "submissions/a.jsonl").write_text("6"), True),
        (lambda folder: (folder / f"toy@{DIGEST}/places.jsonl").write_text("of another"), False),
        (lambda folder: (folder / "notes.txt").unlink(), False),
    ],
)
def test_the_digest_knows_results_and_what_was_checked_of_them_alone(folder, change, changes):
    before = ResultsState.of(folder).digest
    change(folder)
    assert (ResultsState.of(folder).digest != before) is changes


def packed(path, predictors):
    names = {"split": "kfold-10", "target": "gap"}
    columns = {name: [value] * len(predictors) for name, value in names.items()}
    pq.write_table(pa.table({**columns, "predictor": predictors}), path)


def test_packed_results_count_and_are_covered(folder):
    path = folder / f"toy@{DIGEST}.parquet"
    # Two of these lie there as files, too.
    packed(path, ["a", "b(p=1)", "c"])
    state = ResultsState.of(folder)
    assert "5 results of 3 predictors on 2 zoos" in state.bibtex()
    assert path.name in state.files
    packed(path, ["a", "b(p=1)", "d"])
    assert ResultsState.of(folder).digest != state.digest
    shutil.rmtree(folder / f"toy@{DIGEST}")
    assert ResultsState.of(folder).pin().startswith("leaderboard of 4 results, ")
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(ResultError, match=r"\.parquet cannot be read .*; pack its results again"):
        ResultsState.of(folder)
    pq.write_table(pa.table({"split": ["kfold-10"]}), path)
    with pytest.raises(ResultError, match=r"\.parquet does not name its results; pack"):
        ResultsState.of(folder)
    path.rename(folder / "submissions" / path.name)
    with pytest.raises(ResultError, match="does not lie where results do"):
        ResultsState.of(folder)


def test_other_folders_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match="no results in"):
        ResultsState.of(tmp_path / "empty")
    with pytest.raises(ResultError, match="does not lie where results do"):
        ResultsState.of(folder / f"toy@{DIGEST}")


def test_it_is_cited_beside_a_zoo_and_a_split(folder, tiny_zoo):
    words = ["cite", str(tiny_zoo.storage.place), "--split", "kfold-10", "--results", str(folder)]
    done = CliRunner().invoke(cli.commands, words, catch_exceptions=False)
    assert done.exit_code == 0
    state = ResultsState.of(folder)
    assert done.output == citation(tiny_zoo, "kfold-10", state) + "\n"
    zoo, board, line = done.output.strip().split("\n\n")
    assert zoo.startswith(f"@misc{{tiny-zoo-{tiny_zoo.digest[:12]}-kfold-10,")
    assert board == state.bibtex()
    assert line.split("; ")[0] == tiny_zoo.splits["kfold-10"].citation()
    assert line.split("; ")[-1] == state.pin()
