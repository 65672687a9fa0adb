import csv
import html
import json
from datetime import date
from urllib.parse import unquote, urlsplit

import pytest

from demogen.errors import ResultError
from leaderboard.pages.site import write_site
from leaderboard.results.columns import COLUMNS
from leaderboard.results.file_names import file_name
from leaderboard.results.origins import Again, Origin
from leaderboard.results.result import Results
from tests.leaderboard.pages.html_pages import Page

HOSTILE = """</script><script>alert(1)</script>&"'<img src=x onerror=y>/../{{ 7*7 }}"""


def pages_of(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def addresses(page):
    """Everything a page leads to or loads."""
    for tag, attributes in page.tags:
        for name in ("href", "src", "action", "srcset", "poster", "data", "xlink:href"):
            if name in attributes:
                yield tag, attributes[name]


@pytest.fixture(scope="module")
def results_of_three(zoo, small_zoo, make):
    other = [
        result.model_copy(update={"zoo": "other", "zoo_digest": "6b" * 32, "revision": "v1"})
        for result in make.results(make.zoo(6, copies=2, seed=3), name="toy-predictor")
    ]
    return [
        *make.results(zoo),
        *make.results(zoo, target="test_accuracy"),
        *make.results(zoo, name="weak", noise=0.3),
        *other,
    ]


@pytest.fixture(scope="module")
def site(results_of_three, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    assert write_site(results_of_three, folder) == folder / "index.html"
    return folder


def test_every_page_is_whole_and_every_address_leads_to_a_file(site):
    found = pages_of(site)
    assert [path.name for path in found] == ["index.html", "toy-predictor.html", "weak.html"]
    for path, page in found.items():
        for _, address in addresses(page):
            parts = urlsplit(address)
            assert not parts.netloc
            assert parts.scheme in ("", "data")
            if parts.scheme == "" and parts.path:
                assert (path.parent / unquote(parts.path)).is_file(), address
            elif parts.fragment:
                assert parts.fragment in {a.get("id") for _, a in page.tags}


def test_every_asset_is_there_with_its_license(site):
    vendored = {path.name for path in (site / "assets" / "vendor").iterdir()}
    assert {"dataTables.LICENSE.txt", "plotly-basic.LICENSE.txt"} < vendored
    assert not list(site.rglob("*.part"))


def test_no_page_asks_anything_of_anybody(site):
    for page in pages_of(site).values():
        [policy] = [
            meta["content"]
            for meta in page.all("meta")
            if meta.get("http-equiv") == "Content-Security-Policy"
        ]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == "'self' file:"
        assert all("http" not in rule and "*" not in rule for rule in rules.values())
        for script in page.all("script"):
            assert script.get("type") == "application/json" or "src" in script
        for _, attributes in page.tags:
            assert not [name for name in attributes if name.startswith("on")]


def test_the_index_shows_every_row_and_says_what_it_is_pinned_to(site, results_of_three):
    page = Page(site / "index.html")
    rows = [attributes for attributes in page.all("tr") if "data-zoo" in attributes]
    shown = {(row["data-zoo"], row["data-target"], row["data-split"]) for row in rows}
    of_results = {(result.zoo, result.target, result.split) for result in results_of_three}
    standard = {(zoo, target, "") for zoo, target, _ in of_results}
    assert shown == of_results | standard
    assert len(rows) == len(results_of_three) + 4
    assert {"hidden" in row for row in rows if row["data-split"] == ""} == {False}
    for result in results_of_three:
        assert result.zoo_digest in page.text
        assert result.split_digest in page.text
    titles = {heading.get("title") for heading in page.all("th")}
    for column in COLUMNS:
        assert column.explanation in titles
        assert page.text.count(column.explanation) == 1


def test_the_zoo_of_most_networks_is_in_sight_first(zoo, make, tmp_path):
    few = [
        result.model_copy(update={"zoo": "aaa", "zoo_digest": "6b" * 32})
        for result in make.results(make.zoo(6, copies=2, seed=3))
    ]
    page = Page(write_site([*few, *make.results(zoo)], tmp_path / "site"))
    chosen = [
        attributes["value"]
        for tag, attributes in page.tags
        if tag == "option" and "selected" in attributes
    ]
    assert f"={zoo.name}" in chosen
    assert "=aaa" not in chosen


def test_cells_sort_by_the_numbers_they_show(site, results_of_three):
    page = Page(site / "index.html")
    orders = [
        attributes["data-order"]
        for attributes in page.all("td")
        if "share" in attributes.get("class", "")
    ]
    pooled = {repr(result.scores.r2_pooled) for result in results_of_three} - {"None"}
    assert set(orders) == pooled
    [share] = {
        attributes["style"]
        for attributes in page.all("td")
        if attributes.get("data-order") == max(orders) and "style" in attributes
    }
    assert share == f"--share: {round(100 * float(max(orders)))}%"


def test_a_predictors_page_says_how_to_reproduce_and_cite_it(site, results_of_three):
    page = Page(site / "predictors" / "toy-predictor.html")
    own = [result for result in results_of_three if result.predictor == "toy-predictor"]
    for result in own:
        assert f"sha256:{result.zoo_digest}; split {result.split}, sha256:" in page.text
        assert result.split_digest in page.text
        assert f"verify results/{result.path}" in page.text
    assert "demogen evaluate toy-predictor --zoo toy --target test_accuracy\n" in page.text
    assert "demogen cite other --split " in page.text
    scores = (site / "predictors" / "toy-predictor.html").read_text(encoding="utf-8")
    assert scores.partition("</tbody>")[0].count('<th scope="row">') == len(own)
    tables = json.loads(page.data)["tables"]
    assert [(table["zoo"], table["target"]) for table in tables] == [
        ("other", "gap"),
        ("toy", "gap"),
        ("toy", "test_accuracy"),
    ]


def test_references_and_factors_are_shown_where_they_are_given(results, tmp_path):
    factors = {
        "wi<dth": {network: 8 if network < "net-030" else 16 for network in results[0].targets}
    }
    found = [result.model_copy(update={"factors": factors}) for result in results]
    write_site(found, tmp_path, bibliography={"jiang2019": "@misc{jiang2019 & all}"})
    page = Page(tmp_path / "predictors" / "toy-predictor.html")
    assert "@misc{jiang2019 & all}" in page.text
    [coloring] = json.loads(page.data)["tables"][0]["colorings"]
    assert (coloring["factor"], coloring["levels"]) == ("wi<dth", ["8", "16"])


def test_data_files_hold_every_digit(site, results_of_three):
    with (site / "data" / "by-split.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results_of_three)
    by_key = {(r.zoo, r.target, r.split, r.predictor): r for r in results_of_three}
    for row in rows:
        result = by_key[row["zoo"], row["target"], row["split"], row["predictor"]]
        assert row["mse"] == ("" if result.scores.mse is None else repr(result.scores.mse))
    with (site / "data" / "predictions" / "weak.csv").open(encoding="utf-8") as file:
        predictions = list(csv.DictReader(file))
    assert {row["split"] for row in predictions} == {"grouped-kfold-10", "kfold-10"}
    weak = by_key["toy", "gap", "kfold-10", "weak"]
    fold = weak.folds[4]
    of_network = {row["network"]: row for row in predictions if row["split"] == "kfold-10"}
    for network, value in zip(fold.ids, fold.predictions, strict=True):
        assert float(of_network[network]["predicted"]) == value
        assert float(of_network[network]["true"]) == weak.targets[network]


def test_hostile_results_stay_text(zoo, make, tmp_path):
    results = [
        result.model_copy(
            update=dict.fromkeys(("summary", "regressor", "access", "revision", "paper"), HOSTILE)
            | {"zoo": HOSTILE, "dropped": {HOSTILE: HOSTILE}}
        )
        for result in make.results(zoo, name=HOSTILE)
    ]
    write_site(results, tmp_path, bibliography={HOSTILE: HOSTILE})
    page, index = (
        Page(tmp_path / "predictors" / f"{file_name(HOSTILE)}.html"),
        Page(tmp_path / "index.html"),
    )
    for one in (page, index):
        assert HOSTILE in one.text
        assert "49" not in html.unescape(one.text).replace(HOSTILE, "").split("{{")
        assert not one.all("img")
        assert {script.get("src", "").rpartition("/")[2] for script in one.all("script")} <= {
            *("", "dataTables.min.js", "plotly-basic.min.js"),
            *("explain.js", "table.js", "plots.js"),
        }
    assert json.loads(page.data)["tables"][0]["zoo"] == HOSTILE
    assert "<" not in page.data
    [link] = {link["href"] for link in index.all("a") if link["href"].startswith("predictors/")}
    assert (tmp_path / unquote(link)).is_file()
    assert list(tmp_path.glob("predictors/*")) == [tmp_path / unquote(link)]


def test_the_same_results_give_the_same_bytes_in_any_order(results_of_three, site, tmp_path):
    write_site(results_of_three[::-1], tmp_path / "again")
    written = sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
    again = tmp_path / "again"
    assert written == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    for path in written:
        assert (site / path).read_bytes() == (again / path).read_bytes(), path


def test_a_site_is_written_over_and_loses_pages_of_predictors_that_are_gone(
    results_of_three, tmp_path
):
    write_site(results_of_three, tmp_path)
    write_site([r for r in results_of_three if r.predictor != "weak"], tmp_path)
    assert [path.name for path in (tmp_path / "predictors").iterdir()] == ["toy-predictor.html"]
    assert "weak\n" not in Page(tmp_path / "index.html").text
    assert not (tmp_path / "data" / "predictions" / "weak.csv").exists()


@pytest.mark.parametrize("name", ["thesis.tex", "index.html"])
def test_a_folder_with_other_things_is_left_alone(results, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ResultError, match="holds other things than a leaderboard"):
        write_site(results, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_unmeasured_predictors_have_a_page(zoo, make, tmp_path):
    failures = dict.fromkeys(zoo.table.index, "no positive margin")
    nothing = make.results(zoo, name="lost", table=make.features(zoo).iloc[:0], failures=failures)
    write_site(nothing, tmp_path)
    page = Page(tmp_path / "predictors" / "lost.html")
    assert "60 networks are left out" in page.text
    assert page.text.count("no positive margin") == 60


def test_no_results_make_no_site(tmp_path):
    with pytest.raises(ResultError, match="no results to make a site of"):
        write_site([], tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_a_way_round_to_a_folder_with_other_things_is_no_way_in(results, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ResultError, match="holds other things than a leaderboard"):
        write_site(results, tmp_path / "not-there" / "..")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_is_only_claimed_stands_apart_from_our_words(results, tmp_path):
    of = {
        str(result.path): Origin(
            "00" * 32,
            date(2026, 5, 1),
            3,
            ("seconds", "paper", "summary", "versions", "measure", "access", "revision"),
            Again(networks=5, of=60),
            0.25,
            None,
        )
        for result in results
    }
    forged = [
        result.model_copy(update={"summary": "the official baseline", "revision": "v9"})
        for result in results
    ]
    bibliography = {"jiang2019": "@article{jiang2019}"}
    index = write_site(Results(forged, of), tmp_path / "site", bibliography=bibliography)
    page = Page(tmp_path / "site" / "predictors" / "toy-predictor.html")
    words = " ".join(page.text.split())
    assert "In its author's words: the official baseline" in words
    assert "@article" not in words
    assert "Paperjiang2019 (claimed)" in words
    assert "Readstrain (claimed)" in words
    assert ", version 3 (claimed)" in words
    assert "at revision v9 (claimed)" in words
    assert "Made with (claimed) demogen" in words
    words = " ".join(Page(index).text.split())
    assert "toy at v9 (claimed)" in words
    assert "jiang2019 (claimed)" in words
    assert "0.500 (claimed)" in words
    assert "5 of 60" in words
    plain = write_site(results, tmp_path / "plain", bibliography=bibliography)
    assert "(claimed)" not in Page(plain).text
    assert "@article" in Page(tmp_path / "plain" / "predictors" / "toy-predictor.html").text
