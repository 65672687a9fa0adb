"""The commands, as a user and a maintainer type them, with a package beside ours."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from demogen.cli import main
from leaderboard.cli.commands import evaluate, leaderboard
from leaderboard.fitting.fit_cost import FitLimit
from leaderboard.results.origins import Again
from leaderboard.results.result import read_results

PACKAGE = '''
import demogen


class BiasMass(demogen.Measure):
    """Sum of the absolute biases."""

    name = "bias-mass"

    def compute(self, network):
        state = network.module.state_dict()
        return {"mass": float(sum(v.abs().sum() for k, v in state.items() if k.endswith("bias")))}
'''

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def run(*words):
    return CliRunner().invoke(leaderboard, list(map(str, words)), catch_exceptions=False)


@pytest.mark.parametrize("command", ["submit", "validate", "merge"])
def test_help_shows_an_example(command):
    assert "Example:" in run(command, "--help").output


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package of somebody else's, as far as Python can tell."""
    place = tmp_path / "site"
    (place / "bias_package").mkdir(parents=True)
    (place / "bias_package/__init__.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(place)
    yield place
    sys.modules.pop("bias_package", None)


def test_without_a_hub_it_says_what_to_do(tiny_zoo_folder, tmp_path):
    mine = tmp_path / "mine"
    done = submitted(tiny_zoo_folder, mine)
    assert done.exit_code == 0
    assert f"cp -r {mine} submissions/product-norm\n" in done.output
    assert "git add submissions/product-norm\n" in done.output


def test_it_is_compared_with_the_best_that_is_published(tiny_zoo_folder, tmp_path, monkeypatch):
    """Published results are packed; a name among them is taken, as any."""
    done = CliRunner().invoke(
        evaluate,
        [
            *("train-loss", "mean-gap", "--zoo", str(tiny_zoo_folder), "--split", "kfold-10"),
            *("--results", str(tmp_path / "results")),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    run("pack", "--results", tmp_path / "results", "--into", tmp_path / "published")
    best = max(read_results(tmp_path / "published"), key=lambda one: one.scores.r2_pooled)
    for module in ("validation", "submitting"):
        monkeypatch.setattr(f"leaderboard.submissions.{module}.PUBLISHED", tmp_path / "published")
    done = submitted(tiny_zoo_folder, tmp_path / "mine")
    line = f"r2 of product-norm less that of {best.predictor}, kfold-10 of tiny: "
    assert f"\n{line}" in done.output
    again = tmp_path / "again"
    run("merge", tmp_path / "mine", "--into", tmp_path / "published", "--permutations", 0)
    assert len(read_results(tmp_path / "published")) == 3
    run("pack", "--results", tmp_path / "published", "--into", again)
    assert [path.name for path in again.glob("*.parquet")] == [f"{best.path.parts[0]}.parquet"]
    results = read_results(again)
    origins = {one.predictor: results.origin(one) is not None for one in results}
    assert origins == {"mean-gap": False, "product-norm": True, "train-loss": False}
    # What is packed is there: the same content is taken, other content is refused.
    run("merge", tmp_path / "mine", "--into", again, "--permutations", 0)
    assert len(read_results(again)) == 3


def submitted(zoo, folder, *words, predictor="product-norm"):
    return run(
        *("submit", predictor, "--zoo", zoo, "--split", "kfold-10", "--authors", "A. Author"),
        *("--folder", folder, *words),
    )


def refused(*words, capsys):
    with pytest.raises(SystemExit) as end:
        main(["leaderboard", *map(str, words)])
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_refusals_are_one_line(tiny_zoo_folder, tmp_path, capsys):
    of = ("--zoo", tiny_zoo_folder, "--authors", "A. Author", "--folder")
    folder = tmp_path / "mine"
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").write_text("")
    (tmp_path / "forest.py").write_text(
        "import baselines.dummy as dummy, dataclasses, sklearn.ensemble as e\n"
        "MINE = dataclasses.replace(dummy.PARAMETER_COUNT, name='forest', "
        "regressor=e.RandomForestRegressor(n_estimators=3))\n"
    )
    forest = f"{tmp_path}/forest.py:MINE"
    for words, message in (
        (("submit", "product-norm", *of, tmp_path / "taken"), "is not empty; choose another"),
        (("submit", "product-norm", *of, tmp_path / "taken/file/mine"), "file is no folder: give"),
        (("submit", "product-nrm", *of, folder), "did you mean 'product-norm'"),
        (("submit", "no_package:MINE", *of, folder), "does not load: ModuleNotFoundError"),
        (("submit", "baselines.dummy:MEAN", *of, folder), "no attribute for baselines.dummy:MEAN"),
        (("submit", "product-norm", *of, folder, "--split", "mine"), "no split of zoo tiny 'mine'"),
        (("submit", forest, *of, folder), "is a RandomForestRegressor; what can be fitted again"),
        (("validate", folder), "mine is no folder"),
        (("validate", tmp_path / "taken"), "taken has no submission.toml"),
        (("validate", folder, "--run-code"), "of which zoo? give --zoo"),
        (("merge", folder, "--into", tmp_path / "results"), "mine is no folder"),
        (("merge", folder, "--into", tmp_path / "taken/file/of"), "file is no folder): give"),
        (("merge", folder, "--into", tmp_path, "--held-out", folder), "that zoo; give --run-code"),
        (("submit", "product-norm", *of, folder, "--image-limit", 50), "are of all images"),
        (("submit", "product-norm", *of, folder, "--paper", "mine2030"), "it without --paper"),
    ):
        assert message in refused(*words, capsys=capsys)
        assert not folder.exists()
    assert not list(tmp_path.glob(".mine*"))


def test_what_is_made_is_validated_and_nothing_is_left_of_what_fails(
    tiny_zoo_folder, tmp_path, monkeypatch
):
    from demogen.errors import SubmissionError

    def no(*given):
        raise SubmissionError("no")

    monkeypatch.setattr("leaderboard.submissions.submitting.validate", no)
    with pytest.raises(SubmissionError, match="no"):
        submitted(tiny_zoo_folder, tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_checks_come_first(tiny_zoo_folder, package, tmp_path):
    from demogen.errors import PredictorError

    path = package / "bias_package/__init__.py"
    path.write_text(
        path.read_text() + "\nimport torch\nclass Random(BiasMass):\n"
        "    name = 'random'\n    def compute(self, network):\n"
        "        return {'x': float(torch.rand(1))}\n"
    )
    with pytest.raises(PredictorError, match="fails .* check.*is_deterministic"):
        submitted(tiny_zoo_folder, tmp_path / "mine", predictor="bias_package:Random")


def test_the_commands_answer_without_torch():
    code = (
        "import sys\nfrom demogen.cli import commands\n"
        "commands.main(['leaderboard', 'validate', '--help'], standalone_mode=False)\n"
        "import leaderboard.submissions.folder, leaderboard.submissions.manifest\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_options_of_validate_reach_the_code(tmp_path, monkeypatch):
    told = {}
    zoos = [SimpleNamespace(name=name, digest="0" * 64) for name in "ab"]
    again = SimpleNamespace(
        report=("again", "odds"), zoo_digest="0" * 64, again=Again(networks=3, of=24)
    )
    monkeypatch.setattr("leaderboard.cli.submission.each_and_pool", lambda names: zoos)
    monkeypatch.setattr(
        "leaderboard.submissions.validation.validate",
        lambda *given: told.update(given=given) or ("contents", ["checked"]),
    )
    monkeypatch.setattr(
        "leaderboard.submissions.rerun.remeasure",
        lambda *given: told.update(again=given) or [again],
    )
    done = run(
        *("validate", tmp_path, "--zoo", "a", "--zoo", "b", "--against", tmp_path, "--run-code"),
        *("--sample", 3, "--seed", 7, "--seconds", 8, "--memory", 9, "--permutations", 0),
    )
    assert done.output == f"{tmp_path}: checked\n{tmp_path}: again\n{tmp_path}: odds\n"
    assert told["given"] == (tmp_path, zoos, tmp_path, FitLimit())
    contents, given, sample = told["again"]
    assert (contents, given) == ("contents", zoos)
    assert (sample.networks, sample.seed) == (3, 7)
    assert (sample.limits.seconds, sample.limits.memory) == (8, 9)
