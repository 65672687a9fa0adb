import csv
import io
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from leaderboard.cli import commands
from leaderboard.results.result import read_results

NAME = "nin-cifar10"
TINY = Path(__file__).parents[2] / "data" / "tiny.toml"
OFFER = "[demogen.collections]\nzoo_recipes = zoo_recipes.entry_point:collections\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A real zoo of four networks called as a published collection, and real results on it."""
    from demogen import get_predictor, load_zoo
    from leaderboard import benchmark
    from leaderboard.results.result import write_result
    from zoo_recipes import Recipe, build_zoo, load_recipe

    folder = tmp_path_factory.mktemp("compared")
    small = load_recipe(TINY).where({"width": [8], "corruption": [0.0]})
    published = load_recipe(NAME)
    fields = {"name": NAME, "paper": published.paper, "printed_results": published.printed_results}
    recipe = Recipe.model_validate({**small.model_dump(), **fields})
    build_zoo(recipe, folder / "zoo")
    chosen = [get_predictor(name) for name in ("large-margin-linear", "margin-quartiles-log")]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* columns of rank 3 on 4 networks: least squares goes")
        results = benchmark(chosen, load_zoo(folder / "zoo"), cache=folder / "cache")
    for result in results:
        write_result(result, folder / "results")
    return folder


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """Our recipes offer their collections, however this package was installed."""
    info = tmp_path / "offer_of_recipes-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offer-of-recipes\nVersion: 0\n")
    (info / "entry_points.txt").write_text(OFFER)
    monkeypatch.syspath_prepend(tmp_path)


def compared(*words):
    done = CliRunner().invoke(
        commands.leaderboard, ["paper", *map(str, words)], catch_exceptions=False
    )
    assert done.exit_code == 0
    return done.output


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_real_zoo_stands_beside_the_paper(built, offered):
    given = ("--results", built / "results", "--zoo", built / "zoo", "--zoo", built / "zoo")
    rows = rows_of(compared(*given, "--format", "csv"))
    ours = {(row["row"], row["statistic"]): row for row in rows if row["collection"] == NAME}
    assert len(ours) == len([row for row in rows if row["collection"] == NAME])
    results = {result.predictor: result for result in read_results(built / "results")}
    pooled = results["margin-quartiles-log"].scores.r2_pooled
    row = ours["margin-quartiles-log", "kfold_r2"]
    assert (float(row["printed"]), float(row["ours"])) == (0.90, pooled)
    assert row["remark"] == "ours is pooled over leave-one-out"
    assert (row["networks"], row["networks_in_full"]) == ("4", "216")
    for change in ("width: 8 (in full: 192, 288, 384)", "epochs: 8 (in full: 380)"):
        assert change in row["cut_down"].split("; ")
    assert "copy_number" not in row["cut_down"]
    exact = ours["large-margin-linear", "rmse_points"]
    assert exact["ours"] == ""
    assert exact["remark"].startswith("not defined for 4 networks and ")
    assert float(ours["input.q1", "f"]["ours"]) > 0
    assert ours["margin-moments-log", "kfold_r2"]["ours"] == ""
    other = [row for row in rows if row["collection"] == "resnet32-cifar100"]
    assert other
    assert {(row["ours"], row["zoo"], row["networks_in_full"]) for row in other} == {
        ("", "", "324")
    }


def test_a_zoo_alone_tells_its_own_printed_numbers(built, monkeypatch):
    monkeypatch.setattr("demogen.schema.collections.entry_points", lambda group: [])
    text = compared("--results", built / "results", "--zoo", built / "zoo")
    assert f"**jiang2019: {NAME}**" in text
    assert "4 networks; size not known. Cut down:" in text
    assert "no installed package has the whole collection" in text
    assert "| Table 1, qrt+log, CNN + CIFAR10 | kf R² | 0.9 |" in text
    assert "**jiang2019: resnet32-cifar100**" not in text


def test_without_zoos_and_results_the_papers_stand_alone(offered):
    rows = rows_of(compared("--format", "csv"))
    assert {row["ours"] for row in rows} == {""}
    assert {row["paper"] for row in rows} == {"jiang2019", "liao2018", "puzzles2019", "zhao2021"}
    together = [row for row in rows if "+" in row["collection"]]
    assert [row["printed"] for row in together] == ["0.91", "0.88", "0.96", "0.95", "0.93", "0.93"]
    assert r"\bottomrule" in compared("--format", "latex")


def test_help_shows_an_example():
    assert "Example:" in compared("--help")


def test_comparing_files_needs_no_torch():
    code = (
        "import sys, leaderboard.cli.paper, leaderboard.papers.tables\n"
        "from leaderboard.papers.comparison import compare\n"
        "assert not compare([], [])\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("offered")
def test_on_a_terminal_it_is_text_no_wider_than_that(built, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    lines = compared("--zoo", built / "zoo", "--format", "text").splitlines()
    assert max(map(len, lines)) <= 70
    assert any(line.startswith("Where  ") for line in lines)
    assert any(f": {NAME}" in line for line in lines)


@pytest.mark.usefixtures("offered")
def test_parquet_holds_the_rows_of_the_csv(built):
    import pandas as pd

    words = ("paper", "--zoo", str(built / "zoo"), "--format")
    runner = CliRunner()
    content = runner.invoke(commands.leaderboard, [*words, "parquet"]).stdout_bytes
    found = pd.read_parquet(io.BytesIO(content))
    rows = rows_of(compared("--zoo", built / "zoo", "--format", "csv"))
    assert list(found.columns) == list(rows[0])
    assert found["printed"].tolist() == [float(row["printed"]) for row in rows]
