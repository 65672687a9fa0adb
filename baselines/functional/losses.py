"""Logits of a network over many images, and their cross-entropy."""

import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from demogen.measuring.rows import Rows
from demogen.measuring.sweep import Batch, Needs, reduce_images
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule

_IMAGES_AT_A_TIME = 1024
"""Images that are copied at once."""


class LogitReduction:
    """The logits of all images of a sweep."""

    needs = Needs()

    def __init__(self) -> None:
        self._logits = Rows()

    def add(self, batch: Batch) -> None:
        """Take the logits of a batch."""
        self._logits.append(batch.logits)

    def logits(self) -> Tensor:
        """Float64, shape (n, classes), on the module's device."""
        return self._logits.all()


def logits_of(module: TappedModule, images: Tensor, batch_size: int = 256) -> Tensor:
    """Logits of all images, float64, shape (n, classes): the reduction alone.

    Raises:
        NotMeasurable: no images, or logits that are not finite.
    """
    return reduce_images(module, images, None, LogitReduction(), batch_size).logits()


@dataclass(frozen=True)
class _Inputs:
    """Images to run a network on; equal where their pixels are."""

    content: str
    batch_size: int
    images: Tensor = field(compare=False, repr=False)


def logits_of_test_inputs(network: Network) -> Tensor:
    """`logits_of` the test inputs, once for all measures that run together; not to be changed."""
    images, size = network.test_inputs, network.batch_size
    return network.once(_logits_of, _Inputs(pixel_digest(images), size, images))


def _logits_of(module: TappedModule, inputs: _Inputs) -> Tensor:
    return logits_of(module, inputs.images, inputs.batch_size)


def pixel_digest(images: Tensor) -> str:
    """Hex sha256 of the images' bytes, whatever their dtype, device or order in memory."""
    digest = hashlib.sha256()
    for part in images.split(_IMAGES_AT_A_TIME):
        # As bytes, for numpy has no bfloat16.
        digest.update(part.cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def cross_entropy(logits: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy in nats, from float64 logits (n, classes) and labels (n,).

    >>> round(cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 3])), 6)  # ln 4
    1.386294
    """
    return float(F.cross_entropy(logits.double(), labels.to(logits.device)))
