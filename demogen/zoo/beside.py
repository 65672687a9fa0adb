"""What lies beside a zoo in a folder: the image sets that were imported with its networks."""

from pathlib import Path

from demogen.format.storage import Folder, Storage
from demogen.schema.image_sets import IMAGE_SETS

IMAGES = "images"
"""Folder beside zoos in which image sets of their own lie."""


def images_beside(storage: Storage, name: str) -> Path | None:
    """The folder of image sets beside a zoo, if it holds this one; None: published sets, say."""
    if not isinstance(storage, Folder) or name in IMAGE_SETS:
        return None
    folder = storage.place.parent / IMAGES
    return folder if (folder / name).is_dir() else None
