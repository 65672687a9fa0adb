"""Images and labels of a torch `Dataset` or `DataLoader`, read once into memory."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from demogen.errors import ZooError, first_line

if TYPE_CHECKING:
    import numpy as np

    from demogen.networks.own_network import Numbers

    Images = Tensor | np.ndarray | Dataset[Any] | DataLoader[Any]

_IMAGES = ("pixel_values", "image", "images", "img")
_LABELS = ("labels", "label")
"""What batches call them that are no pairs; transformers and datasets do."""

_BATCH = 256


def read(
    images: "Images", labels: "Numbers | None" = None, what: str = "images"
) -> "tuple[Tensor | np.ndarray, Numbers | None]":
    """Images, and labels where they came with them; tensors and arrays stay as they are.

    A loader is read as it is, so that its order, and what it leaves out or augments, is its own.

    Raises:
        ZooError: items are no images as tensors with their labels, or labels are given twice, or
            beside images in an order that nobody knows.
    """
    if not isinstance(images, Dataset | DataLoader):
        return images, labels
    kind = "dataset" if isinstance(images, Dataset) else "data loader"
    parts, found = [], []
    for part, label in _pairs(images, what, kind):
        parts.append(part)
        if label is not None:
            found.append(torch.as_tensor(label))
            if not found[-1].ndim:
                raise ZooError(
                    f"the {kind} given as {what} gives single images; let it make batches of them"
                )
    if not parts:
        raise ZooError(f"the {kind} given as {what} has no images")
    if found and labels is not None:
        raise ZooError(f"labels come with the {kind} already; leave the argument `labels` out")
    shuffles = isinstance(images, DataLoader) and isinstance(images.sampler, RandomSampler)
    if shuffles and labels is not None:
        raise ZooError(
            "the data loader shuffles, so that labels given apart from it do not fit; let it give "
            "them too, or make it with shuffle=False"
        )
    read = torch.cat(parts)
    if isinstance(images, DataLoader) and images.drop_last:
        count = len(images.dataset)  # type: ignore[arg-type]
        if len(read) < count:
            warnings.warn(
                f"the data loader leaves out {count - len(read)} of {count} images (drop_last)",
                RuntimeWarning,
                stacklevel=4,
            )
    return read, torch.cat(found) if found else labels


def _pairs(
    images: "Dataset[Any] | DataLoader[Any]", what: str, kind: str
) -> Iterator[tuple[Tensor, Any]]:
    loader = images if isinstance(images, DataLoader) else DataLoader(images, batch_size=_BATCH)
    # A loader draws a seed for its workers.
    with torch.random.fork_rng(devices=[]):
        try:
            for batch in loader:
                yield _pair(batch, what, kind)
        except ZooError:
            raise
        except Exception as error:  # of the dataset's own code, or of items that make no batch
            raise ZooError(
                f"the {kind} given as {what} cannot be read: {first_line(error)}; its items are "
                "to be images as tensors (torchvision's ToTensor makes them) and their labels"
            ) from error


def _pair(batch: Any, what: str, kind: str) -> tuple[Tensor, Any]:
    if isinstance(batch, Mapping):
        image, label = (
            next((batch[name] for name in names if name in batch), None)
            for names in (_IMAGES, _LABELS)
        )
    elif isinstance(batch, Sequence) and len(batch):
        image, label = batch[0], batch[1] if len(batch) > 1 else None
    else:
        image, label = batch, None
    if not isinstance(image, Tensor):
        raise ZooError(
            f"the {kind} given as {what} has items of {type(batch).__name__}, which is no image "
            "with its label; give pairs of tensors"
        )
    return image, label
