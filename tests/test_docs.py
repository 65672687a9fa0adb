"""The pages on predictors: each stands on one, and the examples print what is shown."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import baselines

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "predictors"
PAGES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.md"))}
INDEX = PAGES.pop("README", "")


def rows(page):
    """Names in the first column of a page's tables."""
    return re.findall(r"^\| `([a-z0-9-]+)`", page, re.MULTILINE)


@pytest.mark.parametrize("predictor", baselines.ALL, ids=lambda predictor: predictor.name)
def test_each_predictor_stands_on_one_page_with_what_it_reads_and_costs(predictor):
    found = [name for name, page in PAGES.items() if predictor.name in rows(page)]
    assert len(found) == 1, f"{predictor.name} is in the tables of {found}"
    measure, page = predictor.measure, PAGES[found[0]]
    assert type(measure).__name__ in page
    assert str(measure.cost) in " ".join(page.split())
    row = f"| `{predictor.name}` | {predictor.paper or '–'} | {measure.access} | {measure.cost} |"
    assert f"{row} [{found[0]}]({found[0]}.md) |" in INDEX


def test_pages_name_no_predictor_that_is_not_there():
    names = {predictor.name for predictor in baselines.ALL}
    assert set(rows(INDEX)) == names
    assert {name for page in PAGES.values() for name in rows(page)} == names


@pytest.mark.parametrize("name", PAGES)
def test_examples_print_what_the_page_shows(name):
    examples = re.findall(r"```python\n(.*?)```\n+```(?:text)?\n(.*?)```", PAGES[name], re.DOTALL)
    assert examples
    assert len(examples) == PAGES[name].count("```python")
    for code, shown in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"{name}.md", "exec"), {"__name__": "__main__"})
        assert printed.getvalue().split() == shown.split()
