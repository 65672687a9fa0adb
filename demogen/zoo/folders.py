"""Zoos that lie on this machine, by path or by name."""

from pathlib import Path

from demogen._util import paths
from demogen.format.integrity import MANIFEST


def folder_of(name: str) -> Path | None:
    """The folder of a zoo on this machine, by path or name; None: there is none."""
    if ((folder := paths.expanded(name)) / MANIFEST).is_file():
        return folder
    # Only names of zoos built here need the user's home, which some users have not.
    if "/" in name or not ((folder := paths.zoos() / name) / MANIFEST).is_file():
        return None
    return folder
