import base64
import re
from html.parser import HTMLParser

import pytest

from demogen.errors import SubmissionError
from leaderboard.site import reproduce, write_page
from leaderboard.tables import COLUMNS

VOID = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """Tags, attributes and text; refuses tags that do not close as they open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(results, tmp_path, **how):
    path = tmp_path / "site" / "index.html"
    write_page(results, path, **how)
    assert [one.name for one in path.parent.iterdir()] == ["index.html"]
    return Page(path.read_text(encoding="utf-8"))


def test_a_page_says_what_it_is_pinned_to_and_how_to_reproduce_it(results, tmp_path):
    page = page_of(results, tmp_path)
    for result in results:
        assert result.split_digest in page.text
    assert results[0].zoo_digest in page.text
    assert "demogen evaluate toy-predictor --zoo toy\n" in page.text + "\n"
    assert results[0].summary in page.text
    titles = [attributes.get("title") for attributes in page.all("th")]
    for column in COLUMNS:
        assert column.explanation in titles
        assert page.text.count(column.explanation) == 1


def test_a_page_asks_nothing_of_anybody(results, tmp_path):
    page = page_of(results, tmp_path)
    [picture] = page.all("img")
    head, _, data = picture["src"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert picture["alt"]
    used = {tag for tag, _ in page.tags}
    assert not used & {"script", "link", "iframe", "object"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))


def test_hostile_results_stay_text(zoo, make, tmp_path):
    hostile = "</code><script>alert(1)</script>\"'"
    results = [
        result.model_copy(
            update={
                "summary": hostile,
                "regressor": hostile,
                "access": hostile,
                "revision": hostile,
            }
        )
        for result in make.results(zoo, name=hostile)
    ]
    page = page_of(results, tmp_path)
    assert not page.all("script")
    assert page.text.count("alert(1)") >= 6


def test_commands_are_safe_to_paste(zoo, make):
    [result] = make.results(zoo, name="loss(p=1); rm -rf ~", splits=["kfold-10"])
    assert reproduce(result) == "demogen evaluate 'loss(p=1); rm -rf ~' --zoo toy"
    [result] = make.results(zoo, target="test_accuracy", splits=["kfold-10"])
    assert reproduce(result).endswith("--target test_accuracy")


def test_several_zoos_and_no_figures(zoo, small_zoo, make, results, tmp_path):
    both = [*results, *make.results(zoo, target="test_cross_entropy")]
    page = page_of(both, tmp_path, figure=False)
    assert not page.all("img")
    assert len(page.all("table")) == 2
    targets = {attributes["href"][1:] for attributes in page.all("a")}
    assert targets == {attributes["id"] for attributes in page.all("section") if "id" in attributes}


def test_unmeasured_predictors_are_on_the_page(zoo, make, tmp_path):
    nothing = make.results(zoo, name="lost", table=make.features(zoo).iloc[:0])
    page = page_of(nothing, tmp_path)
    assert re.search(r"\blost\b", page.text)
    assert not page.all("img")


def test_no_results_make_no_page(tmp_path):
    with pytest.raises(SubmissionError, match="no results to make a page of"):
        write_page([], tmp_path / "index.html")
    assert not list(tmp_path.iterdir())
