"""The demo types what a user would, and keeps things where every command looks."""

from pathlib import Path

import pytest

from demogen.demo import run_demo


@pytest.fixture
def typed(tmp_path, tiny_zoo_folder, capsys):
    """The arguments of each step; the second one puts a zoo where the demo publishes it."""
    steps = []

    def run(arguments):
        steps.append(arguments)
        if arguments[0] == "push":
            Path(arguments[2]).symlink_to(tiny_zoo_folder)

    run_demo(tmp_path, 2, run)
    return steps, capsys.readouterr().out


def test_the_steps_are_those_of_a_user_and_are_printed(typed, tmp_path):
    steps, out = typed
    assert [step[0] for step in steps] == [
        *("train", "push", "info", "measure", "evaluate", "leaderboard"),
    ]
    assert all(f"$ demogen {' '.join(step)}\n" in out for step in steps)
    assert ["--results", str(tmp_path / "results")] == steps[-1][2:4]


def test_signatures_are_kept_where_every_command_looks(typed):
    steps, _ = typed
    assert not any("--cache" in step for step in steps)


def test_another_zoo_than_that_of_the_readme_is_told(typed):
    assert "README shows scores of zoo" in typed[1]
