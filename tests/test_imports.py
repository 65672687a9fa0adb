"""Who may import whom, and what must answer without torch (the rule of the house)."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application import use_cases

ROOT = Path(__file__).parents[1]
PACKAGES = ("demogen", "baselines", "zoo_recipes", "leaderboard")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

SOLE_DOORS = {
    "huggingface_hub": "demogen/hub/",
    "datasets": "demogen/images/sources.py",
    "torchvision": "demogen/images/_torchvision.py",
    "safetensors": "demogen/zoo/weights.py",
    "ray": "demogen/parallel.py",
    "pickle": None,
    # To send tasks to worker processes of this program, which read nothing else so.
    "cloudpickle": "demogen/_util/sending.py",
    "joblib": None,
}
"""Library → the folder or file that alone imports it; None: nothing does."""


@cache
def nodes(path):
    return list(ast.walk(ast.parse(path.read_text())))


def imported(path):
    """Top-level names of all modules a file imports, inside functions too."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.split(".")[0]


def test_directions_circles_and_freedom_from_torch_are_as_agreed(monkeypatch):
    """The contracts in pyproject.toml; the captured output says which import breaks which."""
    monkeypatch.chdir(ROOT)
    configuration.configure()
    assert use_cases.lint_imports(config_filename="pyproject.toml", cache_dir=None)


def test_each_library_has_its_sole_door():
    for path in FILES:
        place = path.relative_to(ROOT).as_posix()
        for library in SOLE_DOORS.keys() & set(imported(path)):
            door = SOLE_DOORS[library]
            assert door is not None, f"{place} imports {library}"
            assert place.startswith(door), f"{place} imports {library}"


def test_weights_are_never_unpickled():
    for path in FILES:
        if path.name == "state_dict.py":
            loads = [
                {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                for node in nodes(path)
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
            ]
            assert [load["weights_only"] for load in loads] == ["True"]
            continue
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("torch", "load"), ("torch", "save")}, (
                    path
                )


def test_no_file_holds_two_ideas():
    tracked = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "leaderboard").rglob("*.html")]
    long = {str(p): n for p in tracked if (n := len(p.read_text().splitlines())) > 400}
    assert not long


WITHOUT_TORCH = [
    "import demogen, leaderboard, zoo_recipes",
    "import demogen.format.card, demogen.hub.publishing, demogen.zoo, demogen.measuring",
    "import leaderboard.results.ranking, leaderboard.pages.site, leaderboard.scoring",
    "demogen.make_splits; demogen.NetworkSpec; demogen.ZooError",
    "from demogen.cli import commands, main; main(['--version'])",
    "import click; commands.get_help(click.Context(commands))\n"
    "assert 'leaderboard.cli.commands' in sys.modules",
    "main(['recipes'])",
]

IN_TURN = """
import sys

for code in sys.argv[1:]:
    try:
        exec(code, globals())
    except SystemExit as end:
        assert not end.code, code
    assert "torch" not in sys.modules, f"torch is imported by: {code}"
"""


def test_answers_without_torch():
    """One interpreter for all, since what none of them imports together none imports alone."""
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, *WITHOUT_TORCH], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_public_names_are_all_there():
    import baselines
    import demogen
    import leaderboard
    import zoo_recipes

    for package in (demogen, leaderboard, zoo_recipes):
        for name in package.__all__:
            assert getattr(package, name) is not None
        with pytest.raises(AttributeError):
            _ = package.nothing_of_the_kind
    assert {predictor.name for predictor in baselines.ALL} <= set(demogen.list_predictors())
