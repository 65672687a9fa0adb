import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from demogen.errors import DemogenError
from leaderboard.pages import bibliography
from leaderboard.pages.bibliography import BIBLIOGRAPHY, installed_bibliography
from leaderboard.pages.site import write_site
from tests.leaderboard.pages.html_pages import Page

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"

OTHER = {"other2020": "@misc{other2020}\n"}
CONTRADICTING = {"jiang2019": "@misc{jiang2019, title = {another}}"}


@pytest.fixture
def offer(monkeypatch):
    """Installs these offers in the place of those of this environment."""

    def install(*values):
        offers = [EntryPoint("a package", value, BIBLIOGRAPHY) for value in values]
        monkeypatch.setattr(bibliography, "entry_points", lambda group: offers)

    return install


def test_a_site_shows_the_entries_that_the_baselines_offer(results, tmp_path, offer):
    groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    offer(*groups[BIBLIOGRAPHY].values())
    write_site(results, tmp_path)
    page = Page(tmp_path / "predictors" / "toy-predictor.html")
    assert "@inproceedings{jiang2019," in page.text
    write_site(results, tmp_path, bibliography={})
    assert "@inproceedings" not in Page(tmp_path / "predictors" / "toy-predictor.html").text


def test_offers_are_joined_and_the_same_one_may_be_listed_twice(offer):
    offer("baselines.bibliography:BIBTEX", f"{__name__}:OTHER", f"{__name__}:OTHER")
    entries = installed_bibliography()
    assert entries["other2020"] == "@misc{other2020}"
    assert entries["zhao2021"].startswith("@misc{zhao2021,")


def test_contradicting_and_broken_offers_are_named(offer):
    offer("baselines.bibliography:BIBTEX", f"{__name__}:CONTRADICTING")
    with pytest.raises(DemogenError, match="different BibTeX entries of the paper 'jiang2019'"):
        installed_bibliography()
    offer("baselines.bibliography:NOTHING")
    with pytest.raises(DemogenError, match="entries of baselines.bibliography:NOTHING do not load"):
        installed_bibliography()
