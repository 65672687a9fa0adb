"""Options that several commands take: declared alike, and handed on to the code."""

import pytest
from click import Context
from click.testing import CliRunner

from demogen.cli import commands
from demogen.measuring import MeasuringOptions

MEASURING = ("measure", "evaluate", "leaderboard submit")

TAKEN_BY = {
    "zoos": (*MEASURING, "figure"),
    "revision": (*MEASURING, "figure", "cite", "info", "pull"),
    "images": (*MEASURING, "figure", "train"),
    "workers": MEASURING,
    "ray": (*MEASURING, "train"),
    "device": (*MEASURING, "figure", "train"),
    "batch_size": (*MEASURING, "figure"),
    "image_limit": MEASURING,
    "cache": MEASURING,
    "endpoint": ("push", "pull", "leaderboard submit"),
    "splits": ("evaluate", "score", "leaderboard submit"),
    "where": ("measure", "evaluate"),
    "limit": ("measure", "evaluate"),
    "output_format": ("evaluate", "score"),
    "target": ("evaluate", "leaderboard submit"),
}


def options_of(path):
    """Name → declaration, of the options of a command; whether it may be left out is its own."""
    command = commands
    for name in path.split():
        command = command.get_command(Context(command), name)
    declared = {option.name: option.to_info_dict() for option in command.params}
    return {name: {**info, "required": None} for name, info in declared.items()}


@pytest.mark.parametrize("option", TAKEN_BY)
def test_an_option_is_the_same_in_every_command(option):
    first, *others = (options_of(command)[option] for command in TAKEN_BY[option])
    assert first["help"]
    assert all(other == first for other in others)


def test_commands_that_measure_take_every_measuring_option():
    assert {o for o, taken_by in TAKEN_BY.items() if set(MEASURING) <= set(taken_by)} == {
        *("zoos", "revision", "images"),
        *(MeasuringOptions.__annotations__.keys() - {"progress"}),
    }


class ReachedError(Exception):
    """The command has called the function; what that does is not of interest."""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("demogen.measuring.measurements.measure_all", ["measure", "mean-gap"]),
        ("leaderboard.results.evaluation.benchmark", ["evaluate", "mean-gap"]),
        (
            "leaderboard.submissions.submitting.submit",
            ["leaderboard", "submit", "mean-gap", "--authors", "A. Author", "--folder", "mine"],
        ),
    ],
)
def test_zoos_and_measuring_options_reach_the_code(function, words, monkeypatch, tmp_path):
    calls = []

    def measuring(*arguments, **options):
        calls.append(options)
        raise ReachedError

    monkeypatch.setattr(
        "demogen.zoo.pool.open_zoos", lambda *a, **options: calls.append((a, options))
    )
    monkeypatch.setattr(function, measuring)
    words += ["--zoo", "a", "--zoo", "b@v1", "--revision", "v2", "--images", tmp_path / "images"]
    words += ["--workers", 3, "--ray", "auto", "--device", "cuda:1", "--batch-size", 8]
    words += ["--image-limit", 50, "--cache", tmp_path / "cache"]
    outcome = CliRunner().invoke(commands, list(map(str, words)))
    assert isinstance(outcome.exception, ReachedError), outcome.output
    for of_evaluate_alone in ("signatures", "kept"):
        assert calls[1].pop(of_evaluate_alone, None) is None
    assert calls == [
        ((("a", "b@v1"), "v2"), {"images": tmp_path / "images"}),
        {
            "workers": 3,
            "ray": "auto",
            "device": "cuda:1",
            "batch_size": 8,
            "image_limit": 50,
            "cache": tmp_path / "cache",
            "progress": True,
        },
    ]


def test_options_of_a_figure_reach_its_sources(monkeypatch, tmp_path):
    calls = []

    def sources(*arguments):
        calls.append(arguments)
        raise ReachedError

    monkeypatch.setattr("demogen.zoo.pool.open_zoos", lambda *a, **options: (a, options))
    monkeypatch.setattr("leaderboard.figures.sources.Sources", sources)
    words = ["figure", "novak2018-ellipses", "--zoo", "a", "--revision", "v2", "--images", tmp_path]
    words += ["mean-gap", "--network", "x", "--train-accuracy", 0.5, "--device", "cuda:1"]
    words += ["--batch-size", 8, "--workers", 3, "--ray", "auto", "--cache", tmp_path]
    outcome = CliRunner().invoke(commands, list(map(str, words)))
    assert isinstance(outcome.exception, ReachedError), outcome.output
    zoo = ((("a",), "v2"), {"images": tmp_path})
    [(*shown, [predictor], measuring)] = calls
    assert shown == [zoo, (), ("x",), 0.5]
    assert predictor.name == "mean-gap"
    assert measuring == {
        **{"device": "cuda:1", "batch_size": 8, "workers": 3, "ray": "auto", "cache": tmp_path},
        **{"image_limit": None, "progress": measuring["progress"]},
    }
    refused = CliRunner().invoke(commands, ["figure", "zhao2021-ssr", "--train-accuracy", "0.5"])
    assert refused.exit_code == 2
    assert "zhao2021-ssr is of all networks; leave out --train-accuracy" in refused.output
