"""Label vectors that a zoo stores: each is named by its digest, and checked before it is used."""

import torch
from torch import Tensor

from demogen.errors import CorruptZooError
from demogen.schema.image_sets import facts
from demogen.schema.records import Data, sha256
from demogen.zoo.weights import from_bytes


def label_digest(labels: Tensor) -> str:
    """Hex sha256 of a label vector as int64."""
    return sha256(labels.cpu().numpy().astype("<i8").tobytes())


def read_labels(content: bytes, what: str) -> dict[str, Tensor]:
    """The label vectors of labels.safetensors by their digests.

    What is measured with labels is kept under their digest, also for other zoos: labels under a
    digest that is not theirs would give those wrong signatures.

    Args:
        content: of the file.
        what: the file, in messages.

    Raises:
        CorruptZooError: it is no such file, or a vector is not what its name says, holds no whole
            numbers, or numbers below 0.
    """
    vectors = from_bytes(content, what)
    for name, labels in vectors.items():
        which = f"{what}: label vector {name!a:.20}"
        if labels.dtype != torch.int64 or labels.ndim != 1:
            raise CorruptZooError(
                f"{which} is {labels.dtype} {tuple(labels.shape)}, not torch.int64 in a row"
            )
        if label_digest(labels) != name:
            raise CorruptZooError(f"{which} does not have that sha256; the zoo is no valid one")
        if not len(labels) or int(labels.min()) < 0:
            raise CorruptZooError(f"{which} holds others than classes")
    return vectors


def check_labels(labels: Tensor, data: Data, what: str) -> None:
    """Compare corrupted training labels with the images that they are of.

    Raises:
        CorruptZooError: there are not as many labels as images, or they name no classes.
    """
    known = facts(data.images)
    count = known.train_size if data.train_size is None else data.train_size
    if labels.dtype != torch.int64 or labels.shape != (count,):
        raise CorruptZooError(
            f"{what} is {labels.dtype} {tuple(labels.shape)}, not torch.int64 ({count},)"
        )
    if not 0 <= int(labels.min()) <= int(labels.max()) < known.classes:
        raise CorruptZooError(f"{what} holds others than the {known.classes} classes")
