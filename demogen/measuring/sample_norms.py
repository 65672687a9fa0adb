"""Norms of many samples' gradients, without a float64 copy of them."""

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK = (32, 1000)
"""Samples and coordinates taken to float64 at once on a CPU: they stay in a core's cache, and are
too few for torch to wake other threads, which costs more than the sums on a busy machine."""
_GPU_BLOCK = 2**24
"""Numbers taken to float64 at once on a GPU, which wants few and large kernels."""


def sample_norms(values: Tensor) -> Tensor:
    """ℓ2 norm of every sample, (n, ...) → float64 (n,); no square leaves the range of a double."""
    values = by_sample(values, is_channels_last(values))
    if values.dtype != torch.float64:
        # The squares of all numbers of a shorter format are well within the range of a double.
        return _sums_of_squares(values).sqrt_()
    largest = torch.maximum(values.amax(dim=1), -values.amin(dim=1))
    scale = torch.where(largest > 0, largest, 1.0)
    return _sums_of_squares(values, scale[:, None]).sqrt_() * scale


def _sums_of_squares(values: Tensor, scale: Tensor | None = None) -> Tensor:
    """Σ (value / scale)² of every row, float64 (n,)."""
    sums = torch.zeros(len(values), dtype=torch.float64, device=values.device)
    for rows, columns in blocks(values):
        block = values[rows, columns].double()
        relative = block.square_() if scale is None else (block / scale[rows]).square_()
        sums[rows] += relative.sum(dim=1)
    return sums


def by_sample(values: Tensor, channels_last: bool = True) -> Tensor:
    """(n, ...) as (n, coordinates), channels last or first: no copy where they are laid out so."""
    permuted = channels_last and values.ndim == 4
    return (values.permute(0, 2, 3, 1) if permuted else values).flatten(1)


def is_channels_last(values: Tensor) -> bool:
    """Whether images are laid out so."""
    return values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last)


def blocks(values: Tensor) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of blocks that tile a matrix: no large float64 copy is ever made."""
    count, width = values.shape
    height, breadth = _BLOCK
    if values.device.type != "cpu":
        height, breadth = max(1, _GPU_BLOCK // width), width
    elif width < breadth:
        height, breadth = height * breadth // width, width
    for left in range(0, width, breadth):
        for top in range(0, count, height):
            yield slice(top, top + height), slice(left, left + breadth)
