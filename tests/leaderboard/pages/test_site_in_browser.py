"""The site in real Chromium, opened from disk as a reader would."""

import shutil

import pytest

from leaderboard.pages.site import write_site
from leaderboard.results.columns import COLUMNS
from leaderboard.scoring.scores import METRICS
from tests.leaderboard.pages.browser import (
    Tab,
    contrast,
    draws,
    heading,
    markers,
    names,
    scroll,
    shown,
)

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"
)

HOSTILE = "a</script><b>&\"'"


@pytest.fixture(scope="module")
def folder(zoo, make, tmp_path_factory):
    """Two zoos, two targets, four predictors of three papers, one with a hostile name."""
    papers = {"strong": ("jiang2019", 0.02), "weak": ("zhao2021", 0.3), HOSTILE: ("", 0.1)}
    found = [
        result.model_copy(update={"paper": paper, "access": "spec" if name == "weak" else "train"})
        for name, (paper, noise) in papers.items()
        for result in make.results(zoo, name=name, noise=noise)
    ]
    found += make.results(zoo, name="strong", target="test_accuracy")
    lost = make.features(zoo).iloc[:0]
    found += make.results(zoo, name="lost", table=lost)
    other = make.zoo(6, copies=2, seed=3)
    other.name, other.digest = "other", "6b" * 32
    found += make.results(other, name="strong")
    gaps = {id: gap for one in (zoo, other) for id, gap in one.table["gap"].items()}
    found = [
        result.model_copy(
            update={
                "factors": {
                    "width": {one: 8 if gaps[one] < 0.15 else 16 for one in result.targets},
                    "note": {one: HOSTILE if gaps[one] < 0.2 else "b" for one in result.targets},
                }
            }
        )
        for result in found
    ]
    made = tmp_path_factory.mktemp("browser") / "a site"
    write_site(found, made)
    return made


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


# A page of its own for each test takes four times as long.
@pytest.fixture(scope="module")
def tabs(chromium):
    return {
        "scripts": Tab(chromium),
        "none": Tab(chromium, java_script_enabled=False),
    }


@pytest.fixture
def open_page(tabs, folder):
    """Opens a page of the site; at the end there must be no complaint and no outside request."""

    def opened(address="index.html", scripts="scripts", **seen):
        path, hash_mark, fragment = address.partition("#")
        return tabs[scripts].open((folder / path).as_uri() + hash_mark + fragment, **seen)

    yield opened
    complaints = [complaint for tab in tabs.values() for complaint in tab.complaints]
    for tab in tabs.values():
        tab.complaints.clear()
    assert not complaints


def test_the_first_view_is_the_gap_of_the_largest_zoo_by_rank(open_page):
    page = open_page()
    assert names(page) == ["strong", HOSTILE, "weak", "lost"]
    assert heading(page, "rank").get_attribute("aria-sort") == "ascending"
    assert page.locator("#status").inner_text().startswith("4 rows.")
    page.get_by_label("Zoo").select_option(label="other")
    assert names(page) == ["strong"]


def test_a_switch_shows_the_columns_behind_the_first(open_page):
    page = open_page()
    first = ["rank", "predictor", "r2_filled", "kendall", "rmse_points", "access", "seconds"]
    assert shown(page) == first
    page.get_by_label("All columns").check()
    everything = shown(page)
    assert everything[:7] == first
    assert sorted(everything) == sorted(column.key for column in COLUMNS)
    assert "columns=all" in page.url
    page.reload()
    assert shown(page) == everything
    page.get_by_role("button", name="Reset").click()
    heading(page, "paper").wait_for(state="detached")
    assert shown(page) == first
    # A column that the rows are sorted by is in sight.
    assert "mse" in shown(open_page("index.html#sort=mse"))


def test_a_narrow_screen_has_name_rank_and_score_in_sight(open_page):
    page = open_page(width=390)
    for key in ("rank", "predictor", "r2_filled"):
        box = heading(page, key).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_a_click_sorts_best_first_then_the_other_way_and_undefined_stays_last(open_page):
    page = open_page("index.html#zoo=%3Dtoy&columns=all")
    button = heading(page, "mse").get_by_role("button")
    button.click()
    assert heading(page, "mse").get_attribute("aria-sort") == "ascending"
    assert names(page) == ["strong", HOSTILE, "weak", "lost"]
    button.click()
    assert heading(page, "mse").get_attribute("aria-sort") == "descending"
    assert names(page) == ["weak", HOSTILE, "strong", "lost"]
    heading(page, "r2_fold_mean").get_by_role("button").click()
    assert names(page) == ["strong", HOSTILE, "weak", "lost"]
    assert page.locator("#ranking [aria-sort]").count() == 1


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_alone_reaches_filters_headings_and_pages(open_page, key):
    page = open_page("index.html#zoo=%3Dtoy")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(document.activeElement.closest('th') || document.activeElement).dataset.key"
                " || document.activeElement.name || document.activeElement.type"
            )
        )
        if reached[-1] == "predictor":
            break
    order = ["zoo", "target", "split", "paper", "access", "find", "columns", "reset"]
    assert reached[: len(order)] == order
    page.keyboard.press(key)
    assert names(page) == sorted(names(page))
    assert heading(page, "predictor").get_attribute("aria-sort") == "ascending"
    page.keyboard.press(key)
    assert names(page) == sorted(names(page), reverse=True)
    page.locator("#ranking tbody a", has_text="weak").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/predictors/weak.html")


def test_each_control_filters_and_reset_brings_all_back(open_page):
    page = open_page("index.html#zoo=%3Dtoy")
    everything = names(page)
    for label, option, expected in [
        ("Family (paper)", "zhao2021", ["weak"]),
        ("Family (paper)", "none", [HOSTILE]),
        ("Reads", "spec", ["weak"]),
        ("Target", "test_accuracy", ["strong"]),
        ("Zoo", "other", ["strong"]),
    ]:
        page.get_by_label(label).select_option(label=option)
        assert names(page) == expected
        page.get_by_role("button", name="Reset").click()
        page.get_by_label("Zoo").select_option(label="toy")
        assert names(page) == everything
    page.get_by_label("Find").fill("WEA")
    assert names(page) == ["weak"]
    page.get_by_label("Find").fill("no such thing")
    assert "No predictor has all of this" in page.locator("#ranking tbody").inner_text()
    assert page.locator("#status").inner_text().startswith("0 rows.")


def test_a_split_shows_its_scores_alone(open_page):
    page = open_page("index.html#zoo=%3Dtoy")
    page.get_by_label("Split", exact=True).select_option(label="holdout-100")
    keys = shown(page)
    column, pooled = keys.index("ssr_mean"), keys.index("r2_pooled")
    cells = page.locator("#ranking tbody tr").first.locator("td, th")
    assert cells.nth(pooled).inner_text() == "–"
    assert float(cells.nth(column).inner_text()) > 0
    assert "Every score on holdout-100 alone" in page.locator("#status").inner_text()
    page.get_by_label("Split", exact=True).select_option(label="kfold-10")
    assert cells.nth(column).inner_text() == "–"
    assert float(cells.nth(pooled).inner_text()) > 0.9


def test_all_zoos_show_which_zoo_a_row_is_of(open_page):
    page = open_page()
    assert not heading(page, "zoo").is_visible()
    page.get_by_label("Zoo").select_option(label="all")
    assert heading(page, "zoo").is_visible()
    assert sorted(page.locator("#ranking tbody td:first-child").all_inner_texts()) == [
        "other, gap",
        *["toy, gap"] * 4,
    ]


def test_the_address_keeps_the_view_and_coming_back_restores_it(open_page):
    page = open_page("index.html#zoo=%3Dtoy&split=%3Dkfold-10")
    heading(page, "predictor").get_by_role("button").click()
    before = names(page)
    assert "split=%3Dkfold-10&sort=predictor&direction=asc" in page.url
    page.locator("#ranking tbody a").first.click()
    page.wait_for_url("**/predictors/**")
    page.go_back()
    page.locator("#filters").wait_for()
    assert names(page) == before
    assert page.get_by_label("Split", exact=True).input_value() == "=kfold-10"


def test_explanations_come_with_the_mouse_and_with_the_focus_and_go_with_escape(open_page):
    page = open_page("index.html#columns=all")
    tip = page.locator("#tip")
    assert not tip.is_visible()
    heading(page, "r2_pooled").hover()
    assert tip.inner_text().startswith("R² of all out-of-fold predictions")
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    spot = heading(page, "r2_pooled").bounding_box()
    page.mouse.move(spot["x"] + 2, spot["y"] + 2)
    assert not tip.is_visible()
    page.keyboard.press("Escape")
    page.mouse.move(spot["x"] + 3, spot["y"] + 3)
    assert not tip.is_visible()
    button = heading(page, "pearson").get_by_role("button")
    button.focus()
    assert tip.inner_text() == METRICS["pearson"].explanation
    assert button.get_attribute("aria-describedby") == "tip"
    scroll(page, 20)
    box, spot = tip.bounding_box(), heading(page, "pearson").bounding_box()
    assert abs(box["y"] - spot["y"] - spot["height"]) < 10
    page.get_by_label("Find").focus()
    assert not tip.is_visible()


def test_scrolling_a_heading_under_a_mouse_at_rest_explains_nothing(open_page):
    page = open_page()
    spot = heading(page, "rank").bounding_box()
    page.mouse.move(spot["x"] + 5, spot["y"] - 10)
    scroll(page, 15)
    page.locator("th[data-key=rank]:hover").wait_for()
    assert not page.locator("#tip").is_visible()


def test_a_predictors_page_draws_and_redraws(open_page):
    page = open_page()
    page.locator("#ranking tbody a", has_text="strong").click()
    draws(page)
    assert page.locator("h1").inner_text() == "strong"
    page.get_by_label("Zoo and target").select_option(label="toy, gap")
    for figure in ("scatter", "residuals", "folds", "coefficients"):
        assert page.locator(f"#{figure} .main-svg").count()
    assert page.locator("#scatter .points path").count() == 60
    assert page.locator("#folds .barlayer .point").count() == 10
    assert page.locator("#coefficients .barlayer .point").count() == 3
    assert "60 networks. Each predicted by" in page.locator("#scatter figcaption").inner_text()
    page.get_by_label("Split", exact=True).select_option(label="holdout-100")
    assert "100 divisions." in page.locator("#folds figcaption").inner_text()
    heights = page.evaluate("document.querySelector('#folds .plot').data[0].y")
    assert (len(heights), sum(heights), min(heights[0], heights[-1]) > 0) == (25, 100, True)
    assert page.locator("#folds .barlayer .point").count() == 25
    page.get_by_label("Split", exact=True).select_option(label="fit, nothing held out")
    assert "Fitted on these very networks" in page.locator("#scatter figcaption").inner_text()
    page.get_by_label("Zoo and target").select_option(label="other, gap")
    assert page.locator("#scatter .points path").count() == 12


def test_levels_have_their_own_color_and_marker(open_page):
    page = draws(open_page("predictors/strong.html"))
    page.get_by_label("Zoo and target").select_option(label="toy, gap")
    page.get_by_label("Color by").select_option(label="width")
    found = markers(page)
    assert len(found) == 2
    assert len({color for color, _ in found}) == len({shape for _, shape in found}) == 2
    assert page.locator("#scatter .legendtext").all_text_contents() == ["8", "16"]
    page.get_by_label("Color by").select_option(label="note")
    assert HOSTILE in page.locator("#scatter .legendtext").all_text_contents()
    page.get_by_label("Color by").select_option(label="nothing")
    assert len(markers(page)) == 1


def test_pictures_follow_the_readers_choice_of_light_and_dark(open_page):
    page = draws(open_page("predictors/strong.html", color_scheme="light"))
    label = "getComputedStyle(document.querySelector('#scatter .xtick text')).fill"
    assert page.evaluate(label) == "rgb(28, 30, 33)"
    page.emulate_media(color_scheme="dark")
    # Asked from outside: the page's policy stops a waiting function that it would evaluate.
    for _ in range(100):
        if page.evaluate(label) == "rgb(231, 232, 234)":
            break
        page.wait_for_timeout(50)
    assert page.evaluate(label) == "rgb(231, 232, 234)"


@pytest.mark.parametrize("address", ["index.html", "predictors/strong.html"])
def test_the_policy_stops_a_request_to_the_outside(tabs, folder, address):
    page = tabs["scripts"].open((folder / address).as_uri())
    stopped = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (one) => resolve(one.blockedURI));
            // Nothing listens there: without the policy the request is made, and fails later.
            fetch("http://127.0.0.1:9/").catch(() => setTimeout(() => resolve("not stopped"), 500));
        })"""
    )
    tabs["scripts"].complaints.clear()
    assert stopped.startswith("http://127.0.0.1:9")


def test_names_that_hold_markup_lead_to_their_page(open_page):
    page = open_page("index.html#zoo=%3Dtoy")
    page.locator("#ranking tbody a", has_text=HOSTILE).click()
    draws(page)
    assert page.locator("h1").inner_text() == HOSTILE
    assert HOSTILE in page.title()


def test_a_predictor_that_measured_nothing_has_a_page_without_points(open_page):
    page = draws(open_page("predictors/lost.html"))
    assert page.locator("#scatter .points path").count() == 0
    assert page.locator("#scatter figcaption").inner_text().startswith("0 networks.")


@pytest.mark.parametrize("address", ["index.html", "predictors/strong.html"])
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (360, "dark")])
def test_pages_fit_the_screen_and_text_stands_out(open_page, address, width, scheme):
    page = open_page(address, color_scheme=scheme, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("text", "soft", "link"):
        assert contrast(page, name) >= 4.5
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 23, 26)"
    )


def test_without_scripts_the_table_the_folds_and_the_explanations_are_there(open_page):
    page = open_page(scripts="none")
    assert len([row for row in page.locator("#ranking tbody tr").all() if row.is_visible()]) == 6
    assert heading(page, "mse").get_attribute("title")
    page = open_page("predictors/strong.html", scripts="none")
    assert page.get_by_text("drawn by a script").is_visible()
    page.locator("summary", has_text="Folds of kfold-10").first.click()
    assert page.locator("details[open] tbody tr").count() == 10
