"""Image sets as tensors in canonical order, and as networks see them."""

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from demogen._util.draws import Draws
from demogen._util.paths import expanded
from demogen.errors import ZooError
from demogen.images import memory_mapped, own_sets, sources
from demogen.networks.network import LabeledImages
from demogen.networks.torch_state import ordinary_state
from demogen.schema.image_sets import IMAGE_SETS, facts
from demogen.schema.records import Data

__all__ = ["ImageSet", "LabeledImages", "center_crop", "corrupt_labels", "load_images", "subset"]


@final
@dataclass(frozen=True)
class ImageSet:
    """An image set in canonical order: sorted by the sha256 of an image's pixels and label.

    Attributes:
        name: "cifar10", say.
        train: uint8 images (n, c, h, w) and labels (n,); float32, of a set of one's own that holds
            other numbers.
        test: likewise.
        class_count: of a set of one's own; None: of one that is known by name.
    """

    name: str
    train: LabeledImages
    test: LabeledImages
    class_count: int | None = None
    _before: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_before", self._changes())

    @property
    def was_changed(self) -> bool:
        """Whether its images or labels were changed in place since it was made."""
        return self._changes() != self._before

    def _changes(self) -> list[int]:
        tensors = (self.train.images, self.train.labels, self.test.images, self.test.labels)
        # Tensors of inference mode count no changes.
        return [0 if tensor.is_inference() else tensor._version for tensor in tensors]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return facts(self.name).classes if self.class_count is None else self.class_count

    @cached_property
    def digest(self) -> str:
        """Hex sha256 over all pixels and labels in canonical order."""
        digest = hashlib.sha256(repr(tuple(self.train.images.shape[1:])).encode())
        for part in (self.train, self.test):
            for chunk in part.images.split(1000):
                digest.update(chunk.numpy().data)
            digest.update(part.labels.numpy().astype("<i8").tobytes())
        return digest.hexdigest()

    @cached_property
    @ordinary_state()
    def channel_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel over the training images, float32 (c,)."""
        pixels = self.train.images.double()
        mean, std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
        return mean.float(), std.float()

    @ordinary_state()
    def inputs(self, images: Tensor, data: Data) -> Tensor:
        """Images as a network trained on `data` sees them, float32, on the device where they lie.

        Args:
            images: uint8, (n, c, h, w), whole.
            data: its center crop, standardization and whether it is made gray.
        """
        images = center_crop(images, data.center_crop)
        if data.standardization == "constants":
            mean, std = torch.tensor(data.pixel_mean), torch.tensor(data.pixel_std)
            inputs = _by_channel(images, 255 * mean, 255 * std)
        else:
            inputs = self.standardize(images, data.standardization)
        return inputs.mean(dim=1, keepdim=True) if data.gray else inputs

    @ordinary_state()
    def standardize(self, images: Tensor, how: str) -> Tensor:
        """Standardized pixels, float32, on the device where they lie.

        Args:
            images: uint8, (n, c, h, w).
            how: "image": (x − mean) / max(std, 1/√d) over the d values of each image, as Jiang et
                al. 2019; "set": each channel by its mean and standard deviation over the training
                images; "none": as they are stored.
        """
        if how == "none":
            return images.float()
        if how == "set":
            return _by_channel(images, *self.channel_statistics)
        pixels = images.float()
        mean = pixels.mean((1, 2, 3), keepdim=True)
        std = pixels.std((1, 2, 3), correction=0, keepdim=True)
        return (pixels - mean) / std.clamp_min(1 / math.sqrt(pixels[0].numel()))

    @ordinary_state()
    def training_part(self, data: Data) -> LabeledImages:
        """uint8 images and labels that `data` trains on: its subset, with its corrupted labels."""
        images, labels = self.train.images, self.train.labels
        if data.train_size is not None:
            chosen = subset(len(self.train), data.train_size, data.subset_seed, self.name)
            images, labels = images[chosen], labels[chosen]
        labels = corrupt_labels(labels, data.corruption, self.classes, data.corruption_seed)
        return LabeledImages(images, labels)

    @ordinary_state()
    def corrupted_test_labels(self, data: Data) -> Tensor:
        """Test labels (n,) of which `data.test_corruption` are random, as in `training_part`."""
        seed = data.corruption_seed
        return corrupt_labels(self.test.labels, data.test_corruption, self.classes, seed)


@ordinary_state()
def load_images(name: str, folder: Path | str | None = None) -> ImageSet:
    """An image set by name.

    There are cifar10, cifar100, cinic10, digits, fashion_mnist, imagenet, mnist, stl10, svhn and
    usps.

    "digits" comes with scikit-learn (1,797 scanned digits, a fixed division). The others come from
    `folder`, or $DEMOGEN_IMAGES: a folder with Parquet files in the Hub's layout
    (`<folder>/cifar10/train-*.parquet`) or with the files that torchvision reads
    (`cifar-10-batches-py`, `MNIST/raw`); where neither is given, from the Hugging Face Hub.
    The same images give the same set and digest, whoever stored them how. ImageNet is kept on disk
    (see `demogen.images.memory_mapped`). The sets that were imported with networks lie in `folder`
    too, by their own names (see `demogen.images.own_sets`).

    Raises:
        ZooError: unknown name, files missing, or not the published number of images.

    >>> digits = load_images("digits")
    >>> tuple(digits.train.images.shape), len(digits.test), digits.digest[:12]
    ((1000, 1, 8, 8), 797, '3f96231daab4')
    """
    source = folder or os.environ.get("DEMOGEN_IMAGES")
    place = expanded(source).resolve() if source else None
    if name not in IMAGE_SETS and place is not None and (files := own_sets.find(name, place)):
        stamps = tuple((path, path.stat().st_mtime_ns) for part in files.values() for path in part)
        return _unchanged(lambda: _load_own(name, place, stamps), _load_own.cache_clear)
    facts(name)
    folder_name = str(place) if place else None
    return _unchanged(lambda: _load(name, folder_name), _load.cache_clear)


def _unchanged(load: Callable[[], ImageSet], forget: Callable[[], None]) -> ImageSet:
    """A set that is kept for all, read anew where somebody changed its tensors in place."""
    if load().was_changed:
        forget()
    return load()


def center_crop(images: Tensor, side: int | None) -> Tensor:
    """The square of that side in the middle of images (n, c, h, w); None: the whole images."""
    if side is None:
        return images
    top, left = (images.shape[2] - side) // 2, (images.shape[3] - side) // 2
    return images[:, :, top : top + side, left : left + side]


@lru_cache(maxsize=16)
def subset(available: int, size: int, seed: int, name: str) -> Tensor:
    """Indices of a fixed subset, ascending: the first `size` of a seeded order, so subsets nest.

    Raises:
        ZooError: more images are asked for than there are.
    """
    if size > available:
        raise ZooError(f"{name} has {available} training images; train_size asks for {size}")
    order = Draws(seed).permutation(np.arange(available))
    return torch.from_numpy(np.sort(order[:size]))


def corrupt_labels(labels: Tensor, fraction: float, classes: int, seed: int) -> Tensor:
    """Replace that fraction of the labels of each class by uniformly random ones.

    A random label may be the old one (Zhao et al. 2021, section 4.1; per class as the paper says).
    Larger fractions corrupt a superset of the images.
    """
    corrupted = labels.numpy().copy()
    draws = Draws(seed)
    for label in range(classes):
        members = draws.permutation(np.flatnonzero(labels.numpy() == label))
        replacements = draws.integers(classes, len(members))
        count = round(fraction * len(members))
        corrupted[members[:count]] = replacements[:count]
    return torch.from_numpy(corrupted)


def _by_channel(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    mean, std = (value.to(images.device)[:, None, None] for value in (mean, std))
    return (images.float() - mean) / std


@lru_cache(maxsize=2)
def _load(name: str, folder: str | None) -> ImageSet:
    expected = facts(name)
    if name == "digits":
        arrays = _divide_digits(*sources.digits())
    elif expected.on_disk:
        arrays = memory_mapped.read(name, Path(folder) if folder else None)
    else:
        arrays = sources.read(name, Path(folder) if folder else None)
    for part, size in (("train", expected.train_size), ("test", expected.test_size)):
        if (count := len(arrays[f"{part}_labels"])) != size:
            where = folder or "the Hub"
            raise ZooError(f"{name} in {where} has {count} {part} images; the published set {size}")
    train, test = (_labeled(arrays, part, sort=not expected.on_disk) for part in ("train", "test"))
    image_set = ImageSet(name, train, test)
    if expected.digest is not None and image_set.digest != expected.digest:
        where, remedy = folder or "the Hub", "give a folder with the published files"
        if name == "digits":
            where, remedy = "scikit-learn", "install the scikit-learn of constraints.txt"
        raise ZooError(
            f"the {name} images in {where} are not the published ones (digest "
            f"{image_set.digest[:12]}, expected {expected.digest[:12]}): {remedy}"
        )
    return image_set


@lru_cache(maxsize=2)
def _load_own(name: str, folder: Path, stamps: tuple[tuple[Path, int], ...]) -> ImageSet:
    """`stamps` tell files that were written anew."""
    del stamps
    arrays, classes = own_sets.read(name, own_sets.find(name, folder) or {})
    train, test = (_labeled(arrays, part, sort=True) for part in ("train", "test"))
    return ImageSet(name, train, test, classes)


def _divide_digits(images: Any, labels: Any) -> Mapping[str, Any]:
    """The first 1,000 in canonical order are for training, the other 797 for testing."""
    order = _canonical_order(images, labels)
    train, test = order[: IMAGE_SETS["digits"].train_size], order[IMAGE_SETS["digits"].train_size :]
    return {
        "train_images": images[train],
        "train_labels": labels[train],
        "test_images": images[test],
        "test_labels": labels[test],
    }


def _labeled(arrays: Mapping[str, Any], part: str, *, sort: bool) -> LabeledImages:
    images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    if sort:
        order = _canonical_order(images, labels)
        images, labels = np.ascontiguousarray(images[order]), labels[order]
    return LabeledImages(torch.from_numpy(images), torch.from_numpy(labels))


def _canonical_order(images: Any, labels: Any) -> Any:
    pairs = zip(images, labels, strict=True)
    keys = [memory_mapped.canonical_key(image, label) for image, label in pairs]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__))
