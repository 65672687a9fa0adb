"""README and CONTRIBUTING are true: their code runs, their tables are what the program prints."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from filelock import FileLock

from demogen import demo, load_zoo
from demogen.cli import commands
from leaderboard.results.columns import COLUMNS
from tests import readme_tables
from tests.hub.state import WRITER

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
DIGITS = (ROOT / "docs" / "digits.md").read_text()
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
TOLERANCE = 0.15
"""How far a number shown may be from the one printed: training rounds differently elsewhere."""


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def section(title):
    return re.search(rf"\n## {title}\n(.*?)\n## ", README, re.DOTALL)[1]


def between(text, name):
    return re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)[1]


EXAMPLES = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", README, re.DOTALL)


def agree(shown, printed):
    """Whether a text is the one shown: … stands for anything, decimals may differ a little."""
    if "." in shown and (number := as_number(shown)) is not None:
        return as_number(printed) is not None and abs(as_number(printed) - number) <= TOLERANCE
    return re.fullmatch(re.escape(shown).replace("…", ".+"), printed) is not None


def as_number(text):
    try:
        return float(text.strip("{},"))
    except ValueError:
        return None


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The zoo that README's first command trains, once for all processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "mlp-digits"
    with FileLock(f"{folder}.lock"):
        train = next(line for line in console_lines() if line.startswith("demogen train examples"))
        program, *words = shlex.split(train.replace("zoos/mlp-digits", str(folder)))
        assert program == "demogen"
        with contextlib.chdir(ROOT):
            demogen(*words, "--workers", "1")
    return folder


def console_lines():
    return "".join(blocks(README, "console")).splitlines()


def demogen(*words):
    """Run a command in this process."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        commands.main(list(words), standalone_mode=False)
    return printed.getvalue()


def execute(code):
    """Run a program in this process, in a namespace of its own."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "example", "exec"), {"__name__": "__main__"})
    return printed.getvalue()


@pytest.fixture
def newcomer(standard_hub, trained, tmp_path, monkeypatch):
    """A folder with the zoo of the first command, and a Hub at hand."""
    (tmp_path / "zoos").mkdir()
    (tmp_path / "zoos" / "mlp-digits").symlink_to(trained)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", WRITER)


@pytest.mark.usefixtures("newcomer")
@pytest.mark.parametrize(("code", "shown"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_python_in_the_readme_prints_what_is_shown(code, shown):
    if "owner/mlp-digits" in code:
        demogen("push", "zoos/mlp-digits", "owner/mlp-digits", "--tag", "v1")
    printed = execute(code).split()
    pairs = list(zip(shown.split(), printed, strict=True))
    assert [pair for pair in pairs if not agree(*pair)] == []


def test_all_python_in_the_readme_has_its_output_and_names_are_explained_first():
    assert len(EXAMPLES) == len(blocks(README, "python")) == 4
    assert README.index("its *signature*") == README.index("signature") - len("its *")
    first, own = (code for code, _ in EXAMPLES[:2])
    assert len([line for line in first.splitlines() if line]) <= 10
    assert len([line for line in own.splitlines() if line]) <= 15


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("R²", "R²", True),
        ("R²", "r²", False),
        ("0.96", "0.90", True),
        ("0.96", "0.60", False),
        ("0.96", "nan", False),
        ("zoo@…,", "zoo@57cee1e53578,", True),
        ("zoo@…,", "zoo@,", False),
        ("100", "101", False),
    ],
)
def test_outputs_are_compared_word_by_word(shown, printed, expected):
    assert agree(shown, printed) == expected


@pytest.mark.usefixtures("newcomer")
def test_a_zoo_is_published_as_the_readme_says(hub):
    login, *lines = blocks(section("Publish your zoo"), "console")[0].splitlines()
    assert login == "hf auth login", "the fixture's token stands for it"
    printed = [demogen(*shlex.split(line)[1:]) for line in lines]
    commit = hub.repository("owner/mlp-digits").resolve("v1")
    assert 'demogen.load_zoo("owner/mlp-digits", revision="v1"' in printed[0]
    assert "all 24 networks are as the zoo says" in printed[1]
    assert f"revision {commit}" in printed[2]
    assert "split grouped-kfold-10 of zoo mlp-digits@" in printed[2]


def test_python_about_the_hub_runs(standard_hub, trained, tmp_path, monkeypatch):
    """In a process of its own: stock clients read the Hub's address when they are imported."""
    monkeypatch.setenv("HF_TOKEN", WRITER)
    demogen("push", str(trained), "owner/digits", "--tag", "v1")
    reading, stock, _ = blocks((ROOT / "docs" / "hub.md").read_text(), "python")
    code = f"{reading}\nprint(network)\n{stock}\nprint(table['train'].num_rows, id, len(content))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=standard_hub.environment(tmp_path / "home", WRITER),
    )
    assert done.returncode == 0, done.stderr
    network, last = done.stdout.splitlines()
    assert network.startswith("Network('mlp-")
    rows, id, length = last.split()
    assert (rows, id[:4]) == ("24", "mlp-")
    assert int(length) > 1000


@pytest.mark.filterwarnings("ignore")
def test_python_with_croissant_runs(trained):
    pytest.importorskip("mlcroissant", reason="mlcroissant is of the dev extra")
    *_, code = blocks((ROOT / "docs" / "hub.md").read_text(), "python")
    found = {}
    exec(code.replace("zoos/digits", str(trained)), found)
    table = load_zoo(trained).table
    assert found["id"] == table.index[-1]
    assert found["gap"] == table["gap"].iloc[-1]
    assert set(found["tested"]) <= set(table.index)


def test_columns_are_explained_as_in_the_table():
    page = (ROOT / "docs" / "leaderboard.md").read_text()
    assert between(page, "columns").rstrip() == readme_tables.other_columns()
    assert between(page, "scores").rstrip() == readme_tables.scores_table()
    for column in COLUMNS:
        score = f" | {column.heading} | {column.explanation} | "
        other = f"- **{column.heading}**: {column.explanation}"
        assert score in page or other in page.replace("\n  ", " ")
    brief = ", ".join(column.heading for column in COLUMNS if not column.brief)
    assert f"{brief} stand on the page" in " ".join(page.split())


def test_the_table_of_the_digits_zoo_is_told_as_it_stands():
    whole = between(DIGITS, "leaderboard")
    assert readme_tables.digest(whole) == demo.DIGEST
    headings = whole.split("\n\n")[1].splitlines()[0].strip("| ").split(" | ")
    brief = [column.heading for column in COLUMNS if column.brief]
    assert [heading.rstrip(" ↑↓") for heading in headings] == brief
    here = readme_tables.cells(whole)
    machines = between(DIGITS, "machines")
    rows = re.findall(r"^\| ([a-z][^ ]*) \| (\d+) \| (\d+|–) \| (\S+) \| (\S+) \|", machines, re.M)
    assert [(name, int(rank), r2) for name, rank, _, r2, _ in rows] == [
        (name, cells.rank, cells.r2) for name, cells in here.items()
    ]
    other = re.findall(r"Rank \(([0-9a-f]{12})\)", machines)[1]
    rendered = "\n".join(
        [f"(sha256 {other})"]
        + [f"| {rank} | {name} | – | – | {r2} | " for name, _, rank, _, r2 in rows]
    )
    assert readme_tables.machines(whole, rendered) == machines.rstrip()
    assert readme_tables.best(whole, rendered) == between(README, "best").rstrip()


def test_commands_in_the_readme_exist():
    named = set(re.findall(r"demogen ([a-z]+)", " ".join(blocks(README, "console"))))
    named |= set(re.findall(r"`demogen ([a-z]+)", README))
    assert named
    assert named <= set(commands.list_commands(click.Context(commands)))
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", " ".join(blocks(README, "console"))):
        assert f"\n{target}:" in makefile


def test_the_worked_predictor_passes_its_checks():
    assert execute(blocks(CONTRIBUTING, "python")[0]) == ""


def test_the_worked_recipe_is_the_one_that_the_readme_trains():
    from zoo_recipes import load_recipe

    example = ROOT / "examples" / "mlp-digits.toml"
    assert example.read_text() in blocks(CONTRIBUTING, "toml")
    assert len(load_recipe(example).networks()) == 2 * 2 * 3 * 2


def test_the_score_that_is_shown_is_the_one_that_stands_in_the_table():
    shown = next(block for block in blocks(CONTRIBUTING, "python") if "Metric(" in block)
    assert shown in (ROOT / "leaderboard" / "scoring" / "scores.py").read_text()


def test_constraints_pin_every_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    pinned = (ROOT / "constraints.txt").read_text().lower().replace("_", "-")
    for requirement in wanted:
        name = re.split(r"[<>=]", requirement)[0].lower().replace("_", "-")
        assert f"\n{name}==" in pinned, name
