"""The papers' augmentations: a draw for every sample, on the device where the images lie."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from demogen.schema.records import Augmentation

SHIFT = 4
"""Pixels, each way, of "crop", "shift" and "wrap"."""
MOST_DEGREES = 15.0
"""Of "rotation", to either side."""


def augment(
    images: Tensor,
    names: Sequence[Augmentation],
    generator: torch.Generator,
    window: int | None = None,
) -> Tensor:
    """Apply augmentations in the order given; images (n, c, h, w) of any dtype.

    Draws come from the generator on the CPU, so that the device does not change them.

    Args:
        images: as they are stored, before standardization.
        names: "crop": a window of the same size from the image padded by 4 with zeros. "flip",
            "flip_vertical": mirrored with probability 1/2. "quarter_turn": rotated by 0, 90, 180 or
            270 degrees. "rotation": by up to 15 degrees to either side. "shift": moved by up to 4
            pixels each way, zeros moving in; a second draw of the same kind as "crop", as Jiang et
            al. 2019 list both. "window": a square of side `window` at a random place. "wrap":
            as "shift", what moves out on one side coming in on the other.
        generator: of the CPU.
        window: side of the square of "window".
    """
    for name in names:
        if name == "window":
            assert window is not None, "'window' needs the side of the square"
            images = _window(images, window, generator)
        else:
            images = _BY_NAME[name](images, generator)
    return images


def _crop(images: Tensor, generator: torch.Generator) -> Tensor:
    rows, columns = _offsets(images, (2 * SHIFT + 1, 2 * SHIFT + 1), generator)
    return _gather(F.pad(images, (SHIFT,) * 4), rows, columns, images.shape[2], images.shape[3])


def _wrap(images: Tensor, generator: torch.Generator) -> Tensor:
    height, width = images.shape[2:]
    rows, columns = _offsets(images, (2 * SHIFT + 1, 2 * SHIFT + 1), generator)
    return _gather(images, rows - SHIFT, columns - SHIFT, height, width)


def _window(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    places = images.shape[2] - side + 1, images.shape[3] - side + 1
    rows, columns = _offsets(images, places, generator)
    return _gather(images, rows, columns, side, side)


def _flip(images: Tensor, generator: torch.Generator) -> Tensor:
    return _mirror(images, 3, generator)


def _flip_vertical(images: Tensor, generator: torch.Generator) -> Tensor:
    return _mirror(images, 2, generator)


def _mirror(images: Tensor, dimension: int, generator: torch.Generator) -> Tensor:
    chosen = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(_each(chosen, images), images.flip(dimension), images)


def _quarter_turn(images: Tensor, generator: torch.Generator) -> Tensor:
    turns = _each(torch.randint(0, 4, (len(images),), generator=generator), images)
    for quarter in (1, 2, 3):
        images = torch.where(turns == quarter, images.rot90(quarter, (2, 3)), images)
    return images


def _rotation(images: Tensor, generator: torch.Generator) -> Tensor:
    """As torchvision.transforms.v2.functional.rotate, bilinear, but an angle for each image."""
    height, width = images.shape[2:]
    draws = torch.rand(len(images), generator=generator)
    angles = torch.deg2rad((2 * draws - 1) * MOST_DEGREES).to(images.device)
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    # affine_grid's coordinates run from -1 to 1 along both sides, whatever their lengths.
    rows = (
        torch.stack([cos, -sin * height / width, zero], 1),
        torch.stack([sin * width / height, cos, zero], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    turned = F.grid_sample(images.float(), grid, align_corners=False)
    return turned if images.is_floating_point() else turned.round().to(images.dtype)


def _offsets(
    images: Tensor, places: tuple[int, int], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    rows, columns = (
        torch.randint(0, count, (len(images),), generator=generator).to(images.device)
        for count in places
    )
    return rows, columns


def _gather(images: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """The window (height, width) at its own place of each image, going round at the borders."""
    rows = (top[:, None] + torch.arange(height, device=images.device)) % images.shape[2]
    columns = (left[:, None] + torch.arange(width, device=images.device)) % images.shape[3]
    samples = torch.arange(len(images), device=images.device)[:, None, None]
    # Advanced indices around a slice move to the front: (n, h, w, c).
    return images[samples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _each(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.device)[:, None, None, None]


_BY_NAME: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "crop": _crop,
    "flip": _flip,
    "flip_vertical": _flip_vertical,
    "quarter_turn": _quarter_turn,
    "rotation": _rotation,
    "shift": _crop,
    "wrap": _wrap,
}
