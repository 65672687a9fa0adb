"""The leaderboard's pages as the files of a static Space on the Hugging Face Hub."""

import re
from collections.abc import Mapping
from pathlib import Path

from leaderboard.results.places import Places

CARD = "README.md"

HEADER = """---
title: Predictors of the generalization gap
sdk: static
app_file: index.html
pinned: false
tags:
- demogen
- leaderboard
---

Which measures of a trained network predict its generalization gap, and how well. Written by demogen
from a folder of results, and published by `demogen leaderboard publish`: change the results and
publish again, for what is changed here is replaced.
"""

_PATH = re.compile(r"README\.md|[\w-]+\.html|(assets|data|predictors)/[^\x00-\x1f\\]+")
_PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", re.ASCII)


def is_site_path(path: str) -> bool:
    """Whether a file of a published leaderboard may lie there.

    >>> is_site_path("predictors/mean-gap.html"), is_site_path("app.py")
    (True, False)
    """
    return _PATH.fullmatch(path) is not None


def site_files(site: Path, card: Path) -> dict[str, Path]:
    """Path in the Space → file, of a site that `leaderboard.pages.site.write_site` wrote.

    Args:
        site: its folder.
        card: where the Space's README.md is written.
    """
    card.write_text(HEADER, encoding="utf-8")
    files = {
        path.relative_to(site).as_posix(): path
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }
    return {path: file for path, file in files.items() if is_site_path(path)} | {CARD: card}


def public_places(places: Places) -> Places:
    """What commands on pages for everybody may name: zoos on the Hub at a commit.

    Folders and files of this machine are nobody else's.
    """
    zoos: Mapping[str, tuple[str, ...]] = {
        digest: tuple(names)
        for digest, names in places.zoos.items()
        if all(map(_PINNED.fullmatch, names))
    }
    return Places(zoos=zoos)
