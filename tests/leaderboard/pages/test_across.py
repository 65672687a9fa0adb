import dataclasses
from urllib.parse import unquote, urlsplit

import pytest

from leaderboard.pages.across import diagram
from leaderboard.pages.across_tables import facts, verdicts
from leaderboard.pages.site import write_site
from leaderboard.pages.space import is_site_path
from leaderboard.results.standings import across
from tests.leaderboard.pages.html_pages import Page


@pytest.fixture(scope="module")
def site(across_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("across")
    write_site(across_results, folder)
    return folder


def test_the_page_says_what_the_standing_is(site, across_results):
    page, standing = Page(site / "across.html"), across(across_results)
    for name, value in facts(standing):
        assert name in page.text
        assert value in page.text
    for sentence in verdicts(standing):
        assert sentence in page.text
    text = " ".join(page.text.split())
    for position, one in enumerate(standing.standings, start=1):
        assert f"{position}{one.predictor}{one.mean_rank:.2f}{one.wins}{one.losses}" in text
    assert "no R² of all on second, third" in page.text
    for one in standing.data_sets:
        assert one.zoo_digest[:12] in page.text


def test_every_address_leads_to_a_file_and_the_index_leads_there(site):
    page = Page(site / "across.html")
    for tag in ("a", "link", "script"):
        for attributes in page.all(tag):
            parts = urlsplit(attributes.get("href") or attributes["src"])
            if parts.scheme == "" and parts.path:
                assert (site / unquote(parts.path)).is_file(), parts.path
    assert "across.html" in [a["href"] for a in Page(site / "index.html").all("a")]
    made = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert {"across.html", "data/across/gap.csv", "data/across/gap-pairs.csv"} < made
    assert all(map(is_site_path, made))


def test_it_goes_where_there_is_nothing_to_compare_any_more(site, across_results, tmp_path):
    write_site(across_results, tmp_path)
    assert (tmp_path / "across.html").is_file()
    write_site([one for one in across_results if one.zoo == "first"], tmp_path)
    assert not list(tmp_path.rglob("*across*.*"))
    assert not list(tmp_path.rglob("gap*.csv"))
    assert "across.html" not in (tmp_path / "index.html").read_text()


def test_each_target_that_can_be_compared_has_a_section(across_results, tmp_path):
    accuracy = [one.model_copy(update={"target": "test_accuracy"}) for one in across_results]
    lone = [
        one.model_copy(update={"target": "test_cross_entropy"})
        for one in across_results
        if one.zoo == "first"
    ]
    write_site([*across_results, *accuracy, *lone], tmp_path)
    text = (tmp_path / "across.html").read_text()
    assert ">gap</h2>" in text
    assert ">test_accuracy</h2>" in text
    assert "test_cross_entropy" not in text


def test_dots_lie_at_their_mean_rank(across_results):
    standing = across(across_results)
    drawn = diagram(standing)
    assert drawn.dots == [("strong", 0.0), ('a|b<i>"', 50.0), ("weak", 100.0)]
    assert drawn.ticks == [(1, 0.0), (2, 50.0), (3, 100.0)]
    assert drawn.difference == pytest.approx(100 * standing.critical_difference / 2, abs=0.01)
    assert drawn.groups == [(0, 2, 0), (1, 3, 1)]
    wide = dataclasses.replace(standing, critical_difference=7.0, groups=((0, 2),))
    assert (diagram(wide).difference, diagram(wide).groups) == (100.0, [(0, 3, 0)])
