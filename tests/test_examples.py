"""The programs under examples/ run, and say what they promise."""

import contextlib
import io
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from demogen.cli import commands

EXAMPLES = Path(__file__).parents[1] / "examples"
RUN_HERE = {"new_measure.py", "compare_two.py", "own_zoo.py"}
ELSEWHERE = {
    "own_table.py": "test_tables_page.py",
    "mlp-digits.toml": "test_readme.py",
}
"""Example → the test that runs it."""


@pytest.fixture
def here(tiny_zoo_folder, tmp_path, monkeypatch):
    """A folder with a zoo where the examples look for one."""
    (tmp_path / "zoos").mkdir()
    (tmp_path / "zoos" / "mlp-digits").symlink_to(tiny_zoo_folder)
    monkeypatch.chdir(tmp_path)


def run(name):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return printed.getvalue().splitlines()


def test_each_example_is_run_by_a_test():
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == RUN_HERE | set(ELSEWHERE)
    for name, test in ELSEWHERE.items():
        assert name in (Path(__file__).parent / test).read_text()


@pytest.mark.usefixtures("here")
def test_a_new_measure_is_checked_measured_and_ranked():
    first, *rows = run("new_measure.py")
    assert first == "24 networks measured: entropy"
    scores = {row.split()[0]: float(row.split()[2]) for row in rows}
    assert list(scores) == ["logit-entropy", "mean-gap", "hyperparameters"]
    assert scores["mean-gap"] < 0.1


@pytest.mark.usefixtures("here")
def test_the_new_measure_is_a_predictor_of_the_command_line():
    words = [f"{EXAMPLES / 'new_measure.py'}:LogitEntropy", "mean-gap", "--zoo", "zoos/mlp-digits"]
    done = CliRunner().invoke(commands, ["evaluate", *words, "--split", "kfold-10"])
    assert done.exit_code == 0, done.output
    assert "| logit-entropy |" in done.stdout


@pytest.mark.usefixtures("here")
def test_two_predictors_are_compared():
    difference, interval, better = run("compare_two.py")
    assert float(difference.rpartition(" ")[2]) != 0
    low, high = (float(word) for word in interval.split()[3:6:2])
    assert low < high
    assert better.startswith("margin-h1-log is better in ")


@pytest.mark.usefixtures("here")
def test_a_zoo_of_ones_own_is_built_and_read():
    counted, *table, splits = run("own_zoo.py")
    assert counted.startswith("24 networks, the first mlp-w50-n2-relu-c1-")
    gaps = {row.split()[0]: float(row.split()[1]) for row in table[1:]}
    assert gaps["0.5"] > gaps["0.0"]
    assert "kfold-10" in splits
