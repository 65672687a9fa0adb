import json
import os

import pytest
from click.testing import CliRunner

from demogen.errors import ResultError
from leaderboard.cli import commands
from leaderboard.results.kept import KeptResults
from leaderboard.results.result import read_results, write_result


def run(command, *words):
    return CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (commands.evaluate, []),
        (commands.leaderboard, []),
        (commands.leaderboard, ["build"]),
        (commands.leaderboard, ["verify"]),
    ],
)
def test_help_shows_an_example(command, words):
    assert "Example:" in run(command, *words, "--help").output


def test_build_writes_page_table_and_figure(results, tmp_path):
    for result in results:
        write_result(result, tmp_path / "results")
    site, figure, readme = tmp_path / "site", tmp_path / "figure.svg", tmp_path / "README.md"
    readme.write_text("Zoo — ours\n<!-- leaderboard -->\n<!-- /leaderboard -->\nend\n")
    words = ("build", "--results", tmp_path / "results", "--site", site)
    done = run(commands.leaderboard, *words, "--markdown", readme, "--figure", figure)
    assert done.exit_code == 0
    wrote = (figure, f"the table in {readme}", site / "index.html")
    assert done.output == "".join(f"wrote {what}\n" for what in wrote)
    assert "toy-predictor" in (site / "index.html").read_text(encoding="utf-8")
    assert figure.read_text(encoding="utf-8").startswith("<?xml")
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("Zoo — ours\n<!-- leaderboard -->\n**gap on toy")
    assert text.endswith("either side constant.\n<!-- /leaderboard -->\nend\n")
    assert run(commands.leaderboard, *words, "--markdown", readme).exit_code == 0
    assert readme.read_text(encoding="utf-8") == text


def test_build_without_any_results_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("leaderboard.results.result.PUBLISHED", tmp_path)
    with pytest.raises(ResultError, match="published with this demogen; name a folder"):
        run(commands.leaderboard, "build", "--site", tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_verify_says_what_was_checked_and_raises_what_was_found(results, tmp_path):
    path = write_result(results[0], tmp_path)
    done = run(commands.leaderboard, "verify", "--no-refit", path)
    assert done.output == f"{path}: the scores follow from the predictions\n"
    content = json.loads(path.read_bytes())
    content["scores"]["mse"] /= 2
    path.write_text(json.dumps(content))
    with pytest.raises(ResultError, match="it claims mse"):
        run(commands.leaderboard, "verify", "--no-refit", path)


def test_evaluate_writes_results_and_prints_the_table(zoo, results, tmp_path, monkeypatch):
    calls = []

    def benchmark(*arguments, **options):
        assert isinstance(options.pop("kept"), KeptResults)
        calls.append((arguments, options))
        return results

    monkeypatch.setattr("leaderboard.results.evaluation.benchmark", benchmark)
    monkeypatch.setattr("demogen.measuring.predictor.list_predictors", lambda: ["a", "b"])
    monkeypatch.setattr(
        "demogen.measuring.predictor_names.get_predictor", lambda name, **parameters: name
    )
    monkeypatch.setattr("demogen.zoo.pool.load_zoo", lambda *arguments, images: arguments)
    done = run(
        commands.evaluate, "--zoo", "toy", "--results", tmp_path, "--cache", tmp_path / "cache"
    )
    assert done.exit_code == 0
    assert "| 1 | toy-predictor |" in done.stdout
    assert {one.split for one in read_results(tmp_path)} == set(zoo.splits)
    run(
        commands.evaluate,
        "c",
        "--zoo",
        "toy",
        "--revision",
        "v1",
        "--split",
        "kfold-10",
        "--target",
        "test_accuracy",
        "--workers",
        2,
        "--results",
        tmp_path,
    )
    common = {"ray": None, "device": "cpu", "batch_size": 256, "progress": True}
    common |= {"signatures": None, "image_limit": None}
    assert calls == [
        (
            (["a", "b"], ("toy", None), "gap", None),
            {**common, "workers": 1, "cache": tmp_path / "cache"},
        ),
        (
            (["c"], ("toy", "v1"), "test_accuracy", ("kfold-10",)),
            {**common, "workers": 2, "cache": None},
        ),
    ]


def test_results_of_a_sample_of_the_images_are_printed_and_not_written(
    tiny_zoo_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["train-loss", "--zoo", tiny_zoo_folder, "--image-limit", 40, "--split", "kfold-10"]
    done = run(commands.evaluate, *words, "--cache", "cache", "--format", "csv")
    assert "train-loss(image_limit=40)" in done.stdout
    assert "no results written" in done.stderr
    refused = run(commands.evaluate, *words, "--results", "results")
    assert refused.exit_code == 2
    assert "--results has nothing to write" in refused.output
    assert os.listdir() == ["cache"]
