"""What commands print for a program: one JSON object a line, and nothing else beside it."""

import csv
import io
import json
import re

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from demogen.cli import commands

MINE = '''
import torch
from torch import nn

import demogen

X = torch.randn(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
DATA = X, torch.arange(20) % 10


def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


class Spread(demogen.Measure):
    """Standard deviation of the logits."""

    name = "spread-for-a-program"
    access = demogen.Access.TRAIN

    def compute(self, network):
        return {"spread": float(network.module(network.train.images).double().std())}
'''


@pytest.fixture(scope="module")
def here(tmp_path_factory, tiny_zoo_folder):
    """A folder with a zoo and a predictor in a file; the tests go on in it, one after the other."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "zoo").symlink_to(tiny_zoo_folder)
    (folder / "mine_for_programs.py").write_text(MINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        yield folder


def run(*words):
    done = CliRunner().invoke(commands, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def outcomes(*words):
    done = run(*words, "--json", "--quiet")
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def results(here):
    """Result files of a predictor in a file and of an installed one."""
    run("evaluate", "mine_for_programs.py:Spread", "mean-gap", "--zoo", "zoo", "-q")
    return sorted((here / "results").rglob("kfold-10/gap/*.json"))


@pytest.mark.usefixtures("here")
def test_a_plan(tiny_zoo):
    [plan] = outcomes("train", "digits", "--dry-run", "--folder", "new")
    assert plan == {
        **{"recipe": "digits", "wanted": 96, "missing": 96},
        **{"failed": {}, "folder": "new"},
    }


@pytest.mark.usefixtures("here")
def test_what_was_published_and_pulled(tiny_zoo):
    [pushed] = outcomes("push", "zoo", "./published")
    assert (pushed["digest"], pushed["proposed"]) == (tiny_zoo.digest, False)
    assert outcomes("pull", "./published", "pulled") == [{"folder": "pulled"}]


def test_what_was_fitted_and_predicted(here, tiny_zoo):
    from demogen import FittedPredictor, fit

    mine = "mine_for_programs.py:Spread"
    [fitted] = outcomes("fit", mine, "fitted.json", "--zoo", "zoo")
    expected = fit(__import__("mine_for_programs").Spread(), tiny_zoo)
    assert fitted["coverage"] == vars(expected.coverage())
    assert (fitted["networks"], fitted["zoo_digest"]) == (24, tiny_zoo.digest)
    torch.manual_seed(0)
    save_file(__import__("mine_for_programs").net().state_dict(), here / "a.safetensors")
    own = ("--network", "mine_for_programs.py:net", "--train", "mine_for_programs.py:DATA")
    [predicted] = outcomes("predict", "fitted.json", "a.safetensors", *own, "--predictor", mine)
    assert predicted["weights"] == "a.safetensors"
    assert predicted["low"] < predicted["gap"] < predicted["high"]
    code = CliRunner().invoke(commands, ["predict", "fitted.json", "a.safetensors", *own])
    assert "no predictor 'spread-for-a-program'" in str(code.exception)
    assert FittedPredictor.load("fitted.json", expected.predictor)


@pytest.mark.usefixtures("here")
def test_what_was_submitted_checked_and_merged():
    mine = ("mine_for_programs.py:Spread", "--zoo", "zoo", "--split", "kfold-10")
    [made] = outcomes("leaderboard", "submit", *mine, "--authors", "A", "--folder", "sent")
    assert made == {"folder": "sent", "predictor": "spread-for-a-program", "files": 2}
    checks = ("--zoo", "zoo", "--permutations", "9")
    [checked] = outcomes("leaderboard", "validate", "sent", *checks)
    [path] = checked["p"]
    assert path.endswith("/kfold-10/gap/spread-for-a-program.json")
    assert (0 < checked["p"][path] <= 1, list(checked["zoos"])) == (True, ["tiny"])
    [merged] = outcomes("leaderboard", "merge", "sent", "--into", "board", *checks)
    assert f"board/{path}" in merged["written"]


def test_what_was_verified_and_compared(results):
    for path, found in zip(results, outcomes("leaderboard", "verify", *results), strict=True):
        assert found["file"] == str(path)
        assert found["checked"][0] == "the scores follow from the predictions"
    [pair] = outcomes("leaderboard", "compare", *results)
    assert (pair["first"], pair["second"]) == ("mean-gap", "spread-for-a-program")
    assert pair["low"] <= pair["difference"] <= pair["high"]
    said = run("leaderboard", "compare", *results).stdout
    assert f"{pair['difference']:.3f}, 95 % interval" in said


@pytest.mark.usefixtures("here")
def test_the_table_of_a_zoo(tiny_zoo):
    rows = list(csv.DictReader(io.StringIO(run("info", "zoo", "--format", "csv").stdout)))
    assert [row["id"] for row in rows] == tiny_zoo.ids
    assert float(rows[0]["gap"]) == tiny_zoo.table["gap"].iloc[0]
    done = run("info", "zoo", "--format", "json", "--verify")
    assert len(json.loads(done.stdout)) == 24
    assert done.stderr == "all 24 networks are as the zoo says\n"


@pytest.mark.usefixtures("here")
def test_predictors_in_files_are_described():
    assert (
        "Standard deviation of the logits."
        in run("predictors", "mine_for_programs.py:Spread").stdout
    )
    done = run("measure", "mine_for_programs:Spread", "--zoo", "zoo", "--limit", 2, "-q")
    assert re.fullmatch(r"spread-for-a-program: 2 networks \(spread\)\n", done.stdout)
    assert done.stderr == ""
