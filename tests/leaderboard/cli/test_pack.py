"""Packed results do for every command what a folder of files does."""

import html
import json
import re
import shlex

import pytest
from click.testing import CliRunner

from demogen.cli import commands as demogen
from demogen.errors import ResultError
from leaderboard.cli import commands
from leaderboard.results.result import predictors_of, results_of, write_result


def run(*words, command=commands.leaderboard):
    return CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)


@pytest.fixture
def folder(zoo, make, tmp_path):
    for name, noise in (("strong", 0.02), ("weak", 0.3)):
        for result in make.results(zoo, name, ["grouped-kfold-10", "kfold-10"], noise=noise):
            write_result(result, tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def packed(folder, tmp_path):
    done = run("pack", "--results", folder, "--into", tmp_path / "packed")
    size = (tmp_path / "packed" / "toy@5a5a5a5a5a5a.parquet").stat().st_size
    assert done.output == (f"packed 4 results into {tmp_path / 'packed'}, {size:,} bytes\n")
    return tmp_path / "packed"


@pytest.fixture
def published(packed, monkeypatch):
    """The packed results as those that come with the package."""
    for module in ("results.result", "submissions.validation", "submissions.submitting"):
        monkeypatch.setattr(f"leaderboard.{module}.PUBLISHED", packed)
    return packed


def pages(site):
    return {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()}


def test_build_makes_the_same_page(folder, packed, tmp_path):
    sites = []
    for results in (folder, packed):
        site = tmp_path / f"site-{results.name}"
        assert run("build", "--results", results, "--site", site).exit_code == 0
        sites.append(pages(site))
    assert sites[0].keys() == sites[1].keys()
    differ = {path.as_posix() for path in sites[0] if sites[0][path] != sites[1][path]}
    # Commands on these pages name the file.
    assert differ == {"predictors/strong.html", "predictors/weak.html"}
    page = html.unescape((site / "predictors" / "weak.html").read_text(encoding="utf-8"))
    [line] = re.findall("demogen leaderboard verify .*", page)
    assert len(run(*shlex.split(line)[2:], "--no-refit").output.splitlines()) == 2


def test_published_results_are_found_without_a_folder(published, tmp_path):
    assert run("build", "--site", tmp_path / "site").exit_code == 0
    assert "strong" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    done = run("compare", "strong", "weak")
    assert done.output.startswith("r2 of strong less that of weak, grouped-kfold-10 of toy: ")
    assert predictors_of(published) == {"strong", "weak"}
    [mine] = results_of(published, {"predictor": {"weak"}, "split": {"kfold-10"}})
    assert (mine.predictor, mine.split) == ("weak", "kfold-10")


def test_a_file_is_compared_with_the_best_that_is_published(published, zoo, make, tmp_path):
    [mine] = make.results(zoo, "mine", ["kfold-10"], noise=0.1)
    path = write_result(mine, tmp_path / "mine")
    assert run("compare", path).output.startswith("r2 of mine less that of strong, kfold-10 of toy")
    done = run("compare", path, "weak", "--json")
    assert json.loads(done.output)["second"] == "weak"
    with pytest.raises(ResultError, match="did you mean 'weak'"):
        run("compare", path, "waek")


def test_verify_checks_every_result_of_a_packed_file(packed):
    [path] = packed.glob("*.parquet")
    done = run("verify", "--no-refit", path)
    lines = done.output.splitlines()
    assert lines[0] == (
        f"{path}: toy@5a5a5a5a5a5a/grouped-kfold-10/gap/strong.json: the scores follow from the "
        "predictions"
    )
    assert len(lines) == 4
    done = run("verify", "--no-refit", "--json", path)
    named = [json.loads(line)["result"].rpartition("/")[2] for line in done.output.splitlines()]
    assert named == ["strong.json", "weak.json"] * 2
    done = run("verify", "--no-refit", "--json", path, "--predictor", "weak")
    assert [json.loads(line)["result"].split("/")[1] for line in done.output.splitlines()] == [
        *("grouped-kfold-10", "kfold-10")
    ]
    with pytest.raises(ResultError, match="none of the files has a result of 'waek'"):
        run("verify", "--no-refit", path, "--predictor", "weak", "--predictor", "waek")


def test_it_is_cited_by_its_own_files(folder, packed, tiny_zoo_folder):
    cited = [
        run("cite", tiny_zoo_folder, "--results", results, command=demogen).output
        for results in (folder, packed)
    ]
    assert all("4 results of 2 predictors on 1 zoo}" in text for text in cited)
    assert cited[0] != cited[1]
