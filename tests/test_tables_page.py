"""docs/tables.md and the example of a table of one's own are true."""

import contextlib
import io
import re
import runpy
import shlex
from pathlib import Path

import click
import pandas as pd

from demogen.cli import commands
from leaderboard.cli.score import score

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tables.md").read_text()


def test_the_example_prints_what_the_page_shows():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(ROOT / "examples" / "own_table.py"))
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert printed.getvalue() == shown


def test_commands_on_the_page_run_or_are_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbers = range(40)
    pd.DataFrame(
        {
            "model": [f"net-{n}" for n in numbers],
            "gap": [0.01 * (n % 20) for n in numbers],
            "bs": [32 << (n % 2) for n in numbers],
            "depth": [n % 5 for n in numbers],
            "VR": [float(n % 20) for n in numbers],
            "WCV": [float(n % 7) for n in numbers],
        }
    ).to_csv("networks.csv", index=False)
    lines = "".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)).splitlines()
    ran = 0
    for line in lines:
        program, command, *words = shlex.split(line.split(" > ")[0])
        assert program == "demogen"
        if command == "score":
            score.main(words, standalone_mode=False)
            ran += 1
            continue
        known = commands.get_command(click.Context(commands), command)
        if isinstance(known, click.Group):
            known = known.get_command(click.Context(known), words[0])
        options = {option for parameter in known.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
    assert ran == 2


def test_every_option_of_the_command_is_explained():
    for parameter in score.params:
        if isinstance(parameter, click.Argument):
            continue
        assert any(f"`{option}" in PAGE for option in parameter.opts), parameter.name
