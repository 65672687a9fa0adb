"""The leaderboard as a static Space: which files go, and what its pages may say of this machine."""

import yaml

from leaderboard.pages.site import write_site
from leaderboard.pages.space import HEADER, is_site_path, public_places, site_files
from leaderboard.results.places import Places


def test_the_hub_reads_that_it_is_static():
    header = yaml.safe_load(HEADER.split("---\n")[1])
    assert header["sdk"] == "static"
    assert header["app_file"] == "index.html"


def test_every_file_of_a_site_goes_and_a_readme_with_it(results, tmp_path):
    write_site(results, tmp_path / "site")
    files = site_files(tmp_path / "site", tmp_path / "README.md")
    lying = {path for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert set(files.values()) == lying | {tmp_path / "README.md"}
    assert all(map(is_site_path, files))
    assert files["README.md"].read_text() == HEADER
    assert files["index.html"] == tmp_path / "site/index.html"


def test_what_no_site_holds():
    for path in (
        "app.py",
        "Dockerfile",
        "src/x.js",
        "assets",
        "predictors/",
        ".env",
        "a/index.html",
    ):
        assert not is_site_path(path)


def test_pages_for_everybody_name_no_place_of_this_machine():
    pinned = f"owner/digits@{'a' * 40}"
    places = Places(
        "/home/me/results",
        {"1": (pinned,), "2": ("demo/published",), "3": (pinned, "./here"), "4": ("owner/x@v1",)},
        {"mine": "/home/me/mine.py:MINE"},
    )
    assert public_places(places) == Places(zoos={"1": (pinned,)})
