"""Images as the authors of the Model Zoos made them from published sets, made once more.

Their scripts take the published training images in the published order, let
`torch.utils.data.random_split` with seed 42 choose those to train on, and transform them as PIL
images: resized (bilinear), or gray (luma) with the middle cut out.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from demogen.errors import ZooError
from demogen.images import sources
from zoo_recipes.importing.found import OwnImages

SPLIT_SEED = 42


@dataclass(frozen=True)
class ImagesOfZoo:
    """Images of an experiment.

    Attributes:
        name: what they are called here.
        source: the published set.
        train_size: training images that are chosen.
        shape: of an image, (channels, height, width).
        mean: taken off numbers from 0 to 1.
        std: they are divided by it.
        first_labels: of the published training images, by which their order is known.
        change: PIL image → PIL image.
    """

    name: str
    source: str
    train_size: int
    shape: tuple[int, int, int]
    mean: float
    std: float
    first_labels: tuple[int, ...]
    change: Callable[[Any], Any]

    @property
    def size(self) -> int:
        """Numbers of an image."""
        return math.prod(self.shape)


def _as_is(image: Any) -> Any:
    return image


def _resized(side: int) -> Callable[[Any], Any]:
    def change(image: Any) -> Any:
        from PIL import Image

        return image.resize((side, side), Image.Resampling.BILINEAR)

    return change


def _gray_middle(image: Any) -> Any:
    left = (image.width - 28) // 2
    return image.convert("L").crop((left, left, left + 28, left + 28))


_MNIST = (0.1307, 0.3081)
_HALF = (0.5, 0.5)
_LABELS = {
    "mnist": (5, 0, 4, 1, 9, 2, 1, 3),
    "fashion_mnist": (9, 0, 0, 3, 0, 2, 7, 2),
    "cifar10": (6, 9, 9, 4, 1, 1, 2, 7),
    "svhn": (1, 9, 2, 3, 2, 5, 9, 3),
    "usps": (6, 5, 4, 7, 3, 6, 3, 1),
    "stl10": (1, 5, 1, 6, 3, 9, 7, 4),
}


def _of(
    source: str, size: int, shape: tuple[int, int, int], scale: tuple[float, float], change: Any
) -> ImagesOfZoo:
    name = f"modelzoo-{source}-{shape[1]}x{shape[2]}"
    return ImagesOfZoo(name, source, size, shape, *scale, _LABELS[source], change)


SETS = {
    "f_mnist": _of("fashion_mnist", 50_000, (1, 28, 28), _HALF, _as_is),
    "fashion_mnist": _of("fashion_mnist", 50_000, (1, 28, 28), _HALF, _as_is),
    "mnist": _of("mnist", 50_000, (1, 28, 28), _MNIST, _as_is),
    "svhn": _of("svhn", 60_000, (1, 28, 28), _HALF, _gray_middle),
    "usps": _of("usps", 6_000, (1, 28, 28), _MNIST, _resized(28)),
    "cifar10 large": _of("cifar10", 42_000, (3, 32, 32), _HALF, _as_is),
    "cifar10": _of("cifar10", 42_000, (3, 28, 28), _HALF, _resized(28)),
    "stl10 large": _of("stl10", 4_200, (3, 32, 32), _HALF, _resized(32)),
    "stl10": _of("stl10", 4_200, (3, 28, 28), _HALF, _resized(28)),
}
"""Words in the name of an experiment → its images; the first that fits is taken."""


def images_of(experiment: str) -> ImagesOfZoo | None:
    """The images of an experiment, told by its name; None: it says nothing.

    >>> images_of("tune_zoo_cifar10_uniform_large").shape
    (3, 32, 32)
    """
    plain = experiment.lower().replace("-", "_").replace("stl_10", "stl10")
    fits = (images for words, images in SETS.items() if all(w in plain for w in words.split()))
    return next(fits, None)


def make(kind: ImagesOfZoo, folder: Path | None) -> OwnImages | None:
    """The images made from the published ones; None where those are not at hand as published.

    Args:
        kind: which.
        folder: of published image sets; None: $DEMOGEN_IMAGES.
    """
    place = folder or os.environ.get("DEMOGEN_IMAGES")
    if not place:
        return None
    try:
        stored = sources.read(kind.source, Path(place).expanduser())
    except ZooError:
        return None
    labels = stored["train_labels"]
    if tuple(labels[: len(kind.first_labels)].tolist()) != kind.first_labels:
        return None
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
    chosen = order[: kind.train_size].numpy()
    arrays = {
        "train_images": _changed(kind, stored["train_images"][chosen]),
        "train_labels": labels[chosen],
        "test_images": _changed(kind, stored["test_images"]),
        "test_labels": stored["test_labels"],
    }
    return OwnImages(kind.name, arrays, 10)


def _changed(kind: ImagesOfZoo, images: Any) -> Any:
    """Uint8 images (n, c, h, w) after the change."""
    from PIL import Image

    if kind.change is _as_is:
        return images
    changed = np.empty((len(images), *kind.shape), np.uint8)
    for number, pixels in enumerate(images):
        plain = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
        result = np.asarray(kind.change(Image.fromarray(plain)))
        changed[number] = result[None] if result.ndim == 2 else result.transpose(2, 0, 1)
    return changed
