"""A few images of many, chosen by what they show and not by where they stand."""

import torch
from torch import Tensor

_IMAGES_AT_A_TIME = 1024


def fixed_sample(images: Tensor, count: int, seed: int = 0) -> Tensor:
    """Indices of `count` pseudo-random images (all, if there are fewer), on the images' device.

    The choice is a property of the images: it is the same in whatever order, batches or precision
    they come and on whatever device they lie. An image's place in the lottery is a hash of its
    pixels, the sum of their float32 bits times fixed odd numbers, modulo 2^64. Of identical images
    either may be chosen.

    >>> images = torch.arange(12.0).reshape(4, 3)
    >>> chosen = images[fixed_sample(images, 2)]
    >>> torch.equal(images.flip(0)[fixed_sample(images.flip(0), 2)], chosen)
    True
    """
    return tickets(images, seed).argsort(stable=True)[:count]


def tickets(images: Tensor, seed: int = 0) -> Tensor:
    """Each image's place in the lottery of `fixed_sample`, int64, shape (n,), on their device."""
    generator = torch.Generator().manual_seed(seed)
    pixels = images.shape[1:].numel()
    factors = torch.randint(-(2**62), 2**62, (pixels,), generator=generator).mul(2).add(1)
    factors = factors.to(images.device)
    drawn = [
        (part.flatten(1).float().contiguous().view(torch.int32).long() * factors).sum(dim=1)
        for part in torch.split(images, _IMAGES_AT_A_TIME)
    ]
    return torch.cat(drawn)
