"""Who may import whom, and what must answer without torch (the rule of the house)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("demogen", "baselines", "zoo_recipes", "leaderboard")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

SOLE_DOORS = {
    "huggingface_hub": {
        *(f"demogen/hub/{name}.py" for name in ("client", "commits", "download", "publishing")),
        *(f"demogen/hub/{name}.py" for name in ("push_plan", "ranges", "retry", "storage")),
    },
    "datasets": {"demogen/images/sources.py"},
    "torchvision": {"demogen/images/_torchvision.py"},
    "safetensors": {"demogen/zoo/weights.py"},
    "ray": {"demogen/parallel.py"},
    "pickle": set(),
    "joblib": set(),
}


def imported(path):
    """Top-level names of all modules a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_of_use_run_one_way(package):
    allowed = {package, "demogen"}
    for path in (ROOT / package).rglob("*.py"):
        others = set(imported(path)) & set(PACKAGES) - allowed
        assert not others, f"{path.relative_to(ROOT)} imports {others}"


@pytest.mark.parametrize("module", SOLE_DOORS)
def test_each_library_has_its_sole_door(module):
    through = {p.relative_to(ROOT).as_posix() for p in FILES if module in set(imported(p))}
    assert through <= SOLE_DOORS[module]


def test_weights_are_never_unpickled():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("torch", "load"), ("torch", "save")}, (
                    path
                )


def test_no_file_holds_two_ideas():
    tracked = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "leaderboard").rglob("*.html")]
    long = {str(p): n for p in tracked if (n := len(p.read_text().splitlines())) > 400}
    assert not long


@pytest.mark.parametrize(
    "code",
    [
        "import demogen",
        "import leaderboard",
        "import leaderboard.results.ranking, leaderboard.pages.site",
        "import zoo_recipes",
        "import demogen; demogen.make_splits; demogen.NetworkSpec; demogen.ZooError",
        "from demogen.cli import main; main(['--version'])",
        "import sys; from demogen.cli import commands; import click\n"
        "ctx = click.Context(commands); commands.get_help(ctx)\n"
        "assert 'leaderboard.cli.commands' in sys.modules",
    ],
)
def test_answers_without_torch(code):
    check = f"{code}\nimport sys\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
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
