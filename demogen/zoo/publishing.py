"""Publish a zoo that readers can read."""

from pathlib import Path
from typing import Any

from demogen.format.integrity import verify_folder
from demogen.format.storage import Folder
from demogen.hub import publishing
from demogen.zoo.zoo import Zoo


def push(folder: Path | str, target: str, **options: Any) -> publishing.Published:
    """Publish a zoo, after a check of all that its readers check.

    Args:
        folder: the zoo's folder.
        target: a folder (starting with "/", "." or "~") or "owner/name" on the Hub.
        options: those of `demogen.hub.push`: `endpoint`, `token`, `private`, `tag`, `pull_request`,
            `progress`.

    Raises:
        CorruptZooError: a file or a network is not what the zoo says; nothing was sent.
        ZooError: as `demogen.hub.push` does.
    """
    return publishing.push(Path(folder), target, check=_check, **options)


def _check(folder: Path) -> None:
    # Files are compared before anything in them is looked at.
    verify_folder(folder)
    Zoo(Folder(folder)).verify()
