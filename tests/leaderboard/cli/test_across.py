import csv
import io

import pytest
from click.testing import CliRunner

from demogen.errors import ResultError
from leaderboard.cli.commands import leaderboard
from leaderboard.results.result import write_result


@pytest.fixture(scope="module")
def folder(make, tmp_path_factory):
    made = tmp_path_factory.mktemp("results")
    for seed in range(2):
        zoo = make.zoo(12, seed=seed)
        zoo.name, zoo.digest = f"zoo-{seed}", f"{seed:02x}" * 32
        for name, noise in {"strong": 0.02, "weak": 0.5}.items():
            for result in make.results(zoo, name=name, noise=noise, splits=["grouped-kfold-10"]):
                write_result(result, made)
    return made


def run(*words):
    words = ["across", *map(str, words)]
    return CliRunner().invoke(leaderboard, words, catch_exceptions=False)


def test_it_prints_the_table_with_what_it_is_of(folder):
    output = run("--results", folder).stdout
    assert output.startswith("**gap across 2 zoos, by mean rank**\n\n| Place | Predictor |")
    assert "| 1 | strong | 1.00 | 2 | 0 | 0 | 1 | 1 |\n" in output
    assert "- Critical difference at 5 %: 1.386.\n" in output


def test_data_goes_alone_to_standard_output(folder):
    done = run("--results", folder, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["predictor"], row["mean_rank"]) for row in rows] == [
        ("strong", "1.0"),
        ("weak", "2.0"),
    ]
    assert "Critical difference at 5 %: 1.386." in done.stderr
    assert run("--results", folder, "--format", "csv", "--quiet").stderr == ""


def test_the_figure_is_drawn_and_a_wrong_ending_refused_first(folder, tmp_path):
    path = tmp_path / "new" / "across.png"
    assert f"wrote {path}\n" in run("--results", folder, "--figure", path).stderr
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ResultError, match="no figure format 'gif'"):
        run("--results", tmp_path / "new", "--figure", "x.gif")


def test_one_zoo_is_not_enough(folder):
    [one] = folder.glob("zoo-0*")
    with pytest.raises(ResultError, match="on two zoos, and those here are on 1"):
        run("--results", one)
