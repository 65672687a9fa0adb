"""Training images as batches on a device: no worker process, no Python a sample."""

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor

from demogen.images.image_set import ImageSet, center_crop
from demogen.schema.records import NetworkSpec
from zoo_recipes.augmentation import augment

RESIDENT_BYTES = 4 * 2**30
"""Sets of images up to this size are moved to the device; larger ones stay where they are."""


@final
class Batches:
    """What a network is trained on, batch by batch.

    The uint8 images lie on the device. Without augmentation every epoch sees the same inputs: they
    are standardized once, where that fits.

    Args:
        images: uint8 training images (n, c, h, w).
        spec: augmentation, batch size, crop, standardization.
        image_set: whose statistics standardize.
        device: where batches go.
        channels_last: their memory format.
    """

    def __init__(
        self,
        images: Tensor,
        spec: NetworkSpec,
        image_set: ImageSet,
        device: str,
        *,
        channels_last: bool,
    ) -> None:
        self._spec, self._set, self._device = spec, image_set, device
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self._layout = layout
        if "window" not in spec.trained.augmentation:
            images = center_crop(images, spec.data.center_crop)
        self._images = images.to(device) if images.numel() <= RESIDENT_BYTES else images
        self._inputs: Tensor | None = None
        if not spec.trained.augmentation and 4 * images.numel() <= RESIDENT_BYTES:
            self._inputs = self._standardized()

    def __len__(self) -> int:
        return len(self._images)

    def epoch(self, labels: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and labels of every batch of an epoch in a new random order, the rest included."""
        order = torch.randperm(len(self), generator=generator)
        order = order.to(self._images.device if self._inputs is None else self._inputs.device)
        settings = self._spec.trained
        for chosen in order.split(settings.batch_size):
            if self._inputs is not None:
                x = self._inputs[chosen]
            else:
                x = self._images[chosen].to(self._device, non_blocking=True)
                window = self._spec.data.center_crop
                x = augment(x, settings.augmentation, generator, window)
                x = self._set.inputs(x, self._spec.data)
            yield x.contiguous(memory_format=self._layout), labels[chosen.to(labels.device)]

    def plain(self, size: int) -> Iterator[Tensor]:
        """All inputs in order, without augmentation, `size` at a time."""
        if self._inputs is not None:
            yield from self._inputs.split(size)
            return
        yield from plain_inputs(self._images, self._spec, self._set, self._device, size)

    def _standardized(self) -> Tensor:
        inputs = torch.empty(self._images.shape, device=self._device, memory_format=self._layout)
        done = 0
        for x in self.plain(1000):
            inputs[done : done + len(x)] = x
            done += len(x)
        return inputs


def plain_inputs(
    images: Tensor, spec: NetworkSpec, image_set: ImageSet, device: str, size: int
) -> Iterator[Tensor]:
    """Images (n, c, h, w), uint8, as the network sees them, on the device, `size` at a time."""
    for chunk in images.split(size):
        yield image_set.inputs(chunk.to(device), spec.data)
