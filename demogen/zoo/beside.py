"""The image sets of a zoo: found beside it in a folder where they were imported with it."""

from pathlib import Path

from demogen.errors import ZooError
from demogen.format.storage import Folder, Storage
from demogen.images.image_set import ImageSet, load_images
from demogen.schema.image_sets import IMAGE_SETS

IMAGES = "images"
"""Folder beside zoos in which image sets of their own lie."""


def images_beside(storage: Storage, name: str) -> Path | None:
    """The folder of image sets beside a zoo, if it holds this one; None: published sets, say."""
    if not isinstance(storage, Folder) or name in IMAGE_SETS:
        return None
    folder = storage.place.parent / IMAGES
    return folder if (folder / name).is_dir() else None


def load_expected(name: str, folder: Path | None, expected: str, zoo: str) -> ImageSet:
    """The image set that a zoo's networks were trained on.

    Args:
        name: of the set.
        folder: where it is; None: where `load_images` looks.
        expected: its digest.
        zoo: name of the zoo, in messages.

    Raises:
        ZooError: the images here are others.
    """
    image_set = load_images(name, folder)
    if image_set.digest != expected:
        raise ZooError(
            f"the {name} images here (digest {image_set.digest[:12]}) are not those that {zoo} was "
            f"trained on ({expected[:12]}); set DEMOGEN_IMAGES to a folder with the published files"
        )
    return image_set
