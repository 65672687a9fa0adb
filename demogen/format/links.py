"""Symbolic links in folders of zoos: none is followed, out of them or into them."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from demogen.errors import ZooError

_CACHED = re.compile(r"(?:\.\./)+blobs/(?:[0-9a-f]{64}|[0-9a-f]{40})")
"""Where the Hub's cache links its files to: contents by digest, beside the folders of commits."""


def refuse_links(folder: Path, paths: Iterable[str], *, cached: bool = False) -> None:
    """Refuse a folder in which one of these paths, or a folder on the way to it, is a link.

    The folder itself may be one: its name is the user's own choice.

    Args:
        folder: of the zoo.
        paths: of files in it, whether they are there or not.
        cached: whether links of the Hub's cache, which lead to contents named by their digest,
            pass.

    Raises:
        ZooError: there is a link; it is named.
    """
    for place in sorted({place for path in paths for place in _on_the_way(path)}):
        link = folder / place
        if link.is_symlink() and not (cached and _is_cached(link)):
            raise ZooError(
                f"{link} is a symbolic link, and those of a zoo are not followed; put the file "
                "itself there, or remove it"
            )


def _on_the_way(path: str) -> list[str]:
    """The path and the folders that lead to it, without the folder that it starts from."""
    return [path, *(str(parent) for parent in PurePosixPath(path).parents if str(parent) != ".")]


def _is_cached(link: Path) -> bool:
    end = link.parent / link.readlink()
    return (
        _CACHED.fullmatch(link.readlink().as_posix()) is not None
        and not end.is_symlink()
        and not end.parent.is_symlink()
    )
