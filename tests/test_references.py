"""What documents, docstrings and comments refer to is there: names of ours, paths, links."""

import importlib
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("demogen", "leaderboard", "baselines", "zoo_recipes")
FOLDERS = (*PACKAGES, "tests", "docs", "findings", "examples", ".github")
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "findings/*.md", "leaderboard/**/*.md")
    for page in ROOT.glob(pattern)
)
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EXAMPLES = {"leaderboard/published", "findings/NAME.sh"}
"""Paths that are named, and need not be there."""

NAME = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)[`(]")
PATH = re.compile(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def entry_point_groups():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return set(project["entry-points"])


def resolves(name):
    """Whether a dotted name is a module of ours, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            fields = getattr(thing, "__annotations__", {})
            thing = getattr(thing, part, fields.get(part))
            if thing is None:
                return False
        return True
    return False


def anchors(page):
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page, target):
    """Whether a link on a page leads to a file and, if it names one, to a heading in it."""
    if re.match(r"https?://", target):
        return True
    place, _, anchor = target.partition("#")
    file = page.parent / place if place else page
    return file.exists() and (not anchor or anchor in anchors(file))


def test_names_in_backticks_are_there():
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (*PAGES, *SOURCES)
        for name in NAME.findall(path.read_text())
    }
    assert len(named) > 20
    groups = entry_point_groups()
    missing = {name for _, name in named if name not in groups and not resolves(name)}
    assert [(path, name) for path, name in sorted(named) if name in missing] == []


def test_paths_in_backticks_are_there():
    named = {
        (page.relative_to(ROOT).as_posix(), path)
        for page in (*PAGES, *SOURCES)
        for path in PATH.findall(page.read_text())
    }
    assert len(named) > 10
    missing = [(page, path) for page, path in sorted(named) if not (ROOT / path).exists()]
    assert [(page, path) for page, path in missing if path not in EXAMPLES] == []


def test_links_lead_somewhere():
    links = [(page, target) for page in PAGES for target in LINK.findall(page.read_text())]
    assert len(links) > 50
    assert [
        (str(page), target) for page, target in links if not leads_somewhere(page, target)
    ] == []


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("demogen.load_zoo", True),
        ("demogen.zoo.Zoo.splits", True),
        ("leaderboard.results.Result.columns", True),
        ("demogen.load_zoos", False),
        ("demogen.zoo.Zoo.split", False),
        ("demogen.zoos", False),
    ],
)
def test_names_are_told_apart(name, there):
    assert resolves(name) == there


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("docs/leaderboard.md#the-columns-of-the-table", True),
        ("#add-your-measure", True),
        ("docs/leaderboard.md#the-column", False),
        ("docs/leaderboards.md", False),
    ],
)
def test_links_are_told_apart(target, there):
    assert leads_somewhere(ROOT / "README.md", target) == there


def test_the_reference_is_of_our_packages_alone(tmp_path):
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    for place in ("demogen", "demogen/zoo", "zoo_recipes", ".venv/lib/theirs", "tests"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "__init__.pyi").touch()
    assert reference.public_modules(tmp_path) == ["demogen", "demogen.zoo", "zoo_recipes"]
