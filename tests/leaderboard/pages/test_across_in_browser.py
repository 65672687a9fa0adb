"""The page across zoos in real Chromium, on a wide and a narrow screen, light and dark."""

import shutil

import pytest

from leaderboard.pages.site import write_site
from tests.leaderboard.pages.browser import Tab

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def tab(across_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("across")
    write_site(across_results, folder)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        opened = Tab(browser)
        opened.address = (folder / "across.html").as_uri()
        yield opened
        browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_the_diagram_fits_and_shows_the_ranks_in_order(tab, width, scheme):
    page = tab.open(tab.address, width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dots = [dot.bounding_box() for dot in page.locator(".dot").all()]
    names = [name.bounding_box() for name in page.locator(".ranks .name").all()]
    ticks = [tick.bounding_box() for tick in page.locator(".ticks span").all()]
    assert len(dots) == len(names) == len(ticks) == 3
    for dot, name, tick in zip(dots, names, ticks, strict=True):
        # The dot of a name lies in its row, and here under its whole rank.
        assert name["y"] <= dot["y"] + dot["height"] / 2 <= name["y"] + name["height"]
        assert dot["x"] + dot["width"] / 2 == pytest.approx(tick["x"] + tick["width"] / 2, abs=1)
        assert 0 <= dot["x"] < dot["x"] + dot["width"] <= width
    left, right = dots[0], dots[-1]
    span = right["x"] - left["x"]
    difference = page.locator(".difference").bounding_box()["width"]
    assert difference == pytest.approx(1.914 / 2 * span, abs=2)
    # Bars beside the axis: over the first two, and over the last two.
    bars = [bar.bounding_box() for bar in page.locator(".group").all()]
    assert [bar["x"] > right["x"] for bar in bars] == [True, True]
    assert bars[0]["x"] + bars[0]["width"] <= bars[1]["x"]
    assert bars[0]["y"] < names[1]["y"] < bars[0]["y"] + bars[0]["height"] < names[2]["y"] + 2
    assert not tab.complaints


def test_words_of_names_stay_whole_on_a_narrow_screen(tab):
    page = tab.open(tab.address, width=390)
    name = page.locator(".ranks .name").first
    line = name.bounding_box()["height"]
    name.evaluate("name => name.textContent = 'hyperparameters'")
    assert name.bounding_box()["height"] == line
    name.evaluate("name => name.textContent = 'x'.repeat(120)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".dot").first.bounding_box()["x"] > 16 + 0.4 * (390 - 32)


def test_the_index_leads_there_and_back(tab):
    page = tab.open(tab.address.replace("across.html", "index.html"))
    page.get_by_role("link", name="Predictors across zoos").click()
    page.wait_for_url("**/across.html")
    page.locator("tbody a", has_text="strong").first.click()
    page.wait_for_url("**/predictors/strong.html")
    assert not tab.complaints
