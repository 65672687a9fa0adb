"""docs/commands.md is true: its commands run, and it names the options and commands there are."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from demogen import cli_options
from demogen._util import paths
from demogen.cli import commands
from demogen.format.printing import FORMATS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "commands.md").read_text()
TEXT = " ".join(PAGE.split())


def every_command(group=commands, above=()):
    """Path → command, of all that can be run."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        path = (*above, name)
        if isinstance(command, click.Group):
            yield from every_command(command, path)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield " ".join(path), command


COMMANDS = dict(every_command())


def taking(flag):
    return {
        path.removeprefix("leaderboard ").partition(" ")[0]
        for path, command in COMMANDS.items()
        for option in command.params
        if flag in option.opts and (flag != "--json" or option.is_flag)
    }


def test_the_commands_run(tiny_zoo_folder, tmp_path, monkeypatch):
    (tmp_path / "zoos").mkdir()
    (tmp_path / "zoos" / "mlp-digits").symlink_to(tiny_zoo_folder)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    lines = "".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)).splitlines()
    run = [line for line in lines if line.startswith("demogen ")]
    assert len(run) == 7
    for line in run:
        words = shlex.split(line.partition(">")[0].replace("mlp-digits --dry-run", "new --dry-run"))
        done = CliRunner().invoke(commands, words[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        if "--quiet" in words:
            assert done.stderr == ""
            assert json.loads(done.stdout)


def test_commands_with_json_and_quiet_are_those_named():
    outcomes = re.search(r"\*\*Outcomes\*\* \((.*?)\)", TEXT)[1]
    named = set(re.findall(r"`(\w+)`", outcomes)) - {"leaderboard"}
    assert named == taking("--json")
    assert taking("--quiet") == named | {"measure", "evaluate", "score", "across"}


def test_tables_are_those_named_and_have_every_format():
    tables = re.search(r"\*\*Tables\*\* \((.*?)\)", TEXT)[1]
    named = {name.rpartition(" ")[2] for name in re.findall(r"`([\w ]+)`", tables)}
    assert taking("--format") == named | {"measure", "info"}
    formats = re.search(r"`--format ([a-z|]+)`", PAGE)[1].split("|")
    assert sorted(formats) == sorted(FORMATS)


def test_options_of_measuring_are_those_named():
    @click.command()
    @cli_options.measuring
    @cli_options.images
    def measuring():
        pass

    table = PAGE.partition("## Where and how")[2].partition("`figure` takes")[0]
    named = re.findall(r"^\| `(--[\w-]+) ", table, re.MULTILINE)
    assert set(named) == {option.opts[0] for option in measuring.params}
    for path in ("measure", "evaluate", "fit", "leaderboard submit"):
        assert set(named) <= {opt for option in COMMANDS[path].params for opt in option.opts}


def test_things_are_kept_where_it_says(tmp_path, monkeypatch):
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path))
    kept = PAGE.partition("## Where things are kept")[2]
    for place in (paths.zoos(), paths.measurements(), paths.decoded_images()):
        assert f"| `{place.relative_to(tmp_path)}" in kept
    monkeypatch.delenv("DEMOGEN_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert paths.home() == tmp_path / "cache" / "demogen"


def test_variables_are_read():
    table = PAGE.partition("| variable |")[2].partition("## ")[0]
    source = "".join(path.read_text() for path in (ROOT / "demogen").rglob("*.py"))
    for name in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE):
        # What the Hub's client and Python's numerical libraries read is theirs.
        assert name in source or name in ("HF_HOME", "OMP_NUM_THREADS"), name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_what_completes(shell):
    assert f"_DEMOGEN_COMPLETE={shell}_source demogen" in PAGE
    words = {
        "bash": ("demogen leaderboard val", "2"),
        "zsh": ("demogen leaderboard val", "2"),
        "fish": ("demogen leaderboard val", "val"),
    }[shell]
    environment = {"_DEMOGEN_COMPLETE": f"{shell}_complete"}
    environment |= dict(zip(("COMP_WORDS", "COMP_CWORD"), words, strict=True))
    done = CliRunner().invoke(commands, [], prog_name="demogen", env=environment)
    assert "validate" in done.output
    environment = {"_DEMOGEN_COMPLETE": f"{shell}_source"}
    assert (
        "demogen" in CliRunner().invoke(commands, [], prog_name="demogen", env=environment).output
    )
