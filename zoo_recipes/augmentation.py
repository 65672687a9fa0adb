"""The papers' augmentations: a draw for every sample, on the device where the images lie."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_PAD = 4


def augment(images: Tensor, names: Sequence[str], generator: torch.Generator) -> Tensor:
    """Apply augmentations in the order given; images (n, c, h, w) of any dtype.

    "crop": a window of the same size from the image padded by 4 with zeros. "flip": left and right
    swapped with probability 1/2. "shift": moved by up to 4 pixels each way, zeros moving in; a
    second draw of the same kind as "crop", as Jiang et al. 2019 list both. Draws come from the
    generator on the CPU, so that the device does not change them.
    """
    for name in names:
        if name == "flip":
            flip = torch.rand(len(images), generator=generator) < 0.5
            images = torch.where(
                flip.to(images.device)[:, None, None, None], images.flip(3), images
            )
        else:
            images = _translate(images, generator)
    return images


def _translate(images: Tensor, generator: torch.Generator) -> Tensor:
    count, _, height, width = images.shape
    padded = F.pad(images, (_PAD, _PAD, _PAD, _PAD))
    offsets = torch.randint(0, 2 * _PAD + 1, (2, count), generator=generator).to(images.device)
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    samples = torch.arange(count, device=images.device)[:, None, None]
    # Advanced indices around a slice move to the front: (n, h, w, c).
    return padded[samples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
