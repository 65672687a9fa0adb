"""README and CONTRIBUTING are true: their code runs, their tables are what the program prints."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from leaderboard.results.ranking import COLUMNS
from tests.hub.state import WRITER

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def section(title):
    return re.search(rf"\n## {title}\n(.*?)\n## ", README, re.DOTALL)[1]


@pytest.fixture
def newcomer(hub, tiny_zoo_folder, tmp_path):
    """Runs a program as a newcomer would, who has run the demo and has a Hub at hand."""
    for name in ("published", "zoo"):
        (tmp_path / "demo").mkdir(exist_ok=True)
        (tmp_path / "demo" / name).symlink_to(tiny_zoo_folder)
    environment = hub.environment(tmp_path / "home", WRITER)

    def run(*command):
        done = subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("number", range(len(blocks(README, "python"))))
def test_python_in_the_readme_runs(number, newcomer):
    if "owner/digits" in blocks(README, "python")[number]:
        newcomer("-m", "demogen", "push", "demo/zoo", "owner/digits", "--tag", "v1")
    printed = newcomer("-c", blocks(README, "python")[number])
    expected = ("| mean-logit |", "normalized_loss", "split grouped-kfold-10 of zoo tiny@")
    assert expected[number] in printed


def test_a_zoo_is_published_as_the_readme_says(newcomer, hub):
    login, *commands = blocks(section("Publish your zoo"), "console")[0].splitlines()
    assert login == "hf auth login", "the fixture's token stands for it"
    printed = [newcomer("-m", *shlex.split(command)) for command in commands]
    commit = hub.repository("owner/digits").resolve("v1")
    assert 'demogen.load_zoo("owner/digits", revision="v1"' in printed[0]
    assert "all 24 networks are as the zoo says" in printed[1]
    assert f"revision {commit}" in printed[2]
    assert "split grouped-kfold-10 of zoo tiny@" in printed[2]


def test_python_about_the_hub_runs(newcomer):
    newcomer("-m", "demogen", "push", "demo/zoo", "owner/digits", "--tag", "v1")
    reading, stock = blocks((ROOT / "docs" / "hub.md").read_text(), "python")
    assert newcomer("-c", f"{reading}\nprint(network)").startswith("Network('nin-")
    printed = newcomer("-c", f"{stock}\nprint(table['train'].num_rows, id, len(content))")
    rows, id, length = printed.split()
    assert (rows, id[:4]) == ("24", "nin-")
    assert int(length) > 1000


def test_benchmarking_ones_own_takes_fifteen_lines():
    assert len([line for line in blocks(README, "python")[0].splitlines() if line]) <= 15


def test_columns_are_explained_as_in_the_table():
    for column in COLUMNS:
        assert f"- **{column.heading}**: {column.explanation}" in README.replace("\n  ", " ")


def test_commands_in_the_readme_exist():
    from demogen.cli import commands

    named = set(re.findall(r"demogen ([a-z]+)", " ".join(blocks(README, "console"))))
    named |= set(re.findall(r"`demogen ([a-z]+)", README))
    assert named
    import click

    assert named <= set(commands.list_commands(click.Context(commands)))
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", " ".join(blocks(README, "console"))):
        assert f"\n{target}:" in makefile


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), (page, target)


def test_the_worked_predictor_passes_its_checks(tmp_path):
    (tmp_path / "predictors.py").write_text(blocks(CONTRIBUTING, "python")[0])
    done = subprocess.run(
        [sys.executable, "predictors.py"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_the_worked_recipe_loads(tmp_path):
    from zoo_recipes import load_recipe

    text = next(block for block in blocks(CONTRIBUTING, "toml") if "[grid]" in block)
    (tmp_path / "mlp-digits.toml").write_text(text)
    recipe = load_recipe(tmp_path / "mlp-digits.toml")
    assert len(recipe.networks()) == 3 * 3 * 2 * 3


def test_constraints_pin_every_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = (ROOT / "constraints.txt").read_text().lower().replace("_", "-")
    for requirement in wanted:
        name = re.split(r"[<>=]", requirement)[0].lower().replace("_", "-")
        assert f"\n{name}==" in pinned, name
