"""docs/splits.md is true: its code runs, its commands and the splits that it names exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from demogen import Pool, cli, load_zoo

PAGE = (Path(__file__).parents[1] / "docs" / "splits.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def here(tiny_zoo_folder, mlp_zoo_folder, tmp_path, monkeypatch):
    """A folder with the zoos of the page."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "published").symlink_to(tiny_zoo_folder)
    (tmp_path / "owner").mkdir()
    # A folder of this very name is taken for what it is.
    (tmp_path / "owner" / "name@v1").symlink_to(mlp_zoo_folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_runs(here, capsys):
    (code,) = blocks("python")
    exec(compile(code, "splits.md", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[2:4]] == ["tiny", "tiny-mlp"]
    float(printed[-1])


def test_the_commands_run(here):
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert len(lines) == 3
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "demogen"
        # The zoo that stands for owner/name has too few networks to leave levels out.
        words = ["leave-one-out" if word == "leave-width-out" else word for word in words]
        assert cli.commands.main(words, standalone_mode=False) is None
    assert list(here.glob("results/*/leave-zoo-out/gap/margin-quartiles-log.json"))


def test_every_kind_of_split_is_explained(tiny_zoo, mlp_zoo_folder):
    mlp = load_zoo(mlp_zoo_folder)
    names = {*tiny_zoo.splits, *mlp.splits, *Pool([tiny_zoo, mlp]).splits}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()


def test_commands_named_exist():
    named = set(re.findall(r"`?demogen ([a-z]+)", PAGE)) - {"itself"}
    assert {"info", "evaluate", "cite"} <= named
    assert named <= set(cli.commands.list_commands(click.Context(cli.commands)))
