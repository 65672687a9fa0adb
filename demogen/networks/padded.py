"""Convolutions and pooling whose padding differs from side to side, as TensorFlow's "same" has it.

torch pads both ends of an axis alike. Each class here is exact and final, so that a measure that
knows it by type knows what it computes.
"""

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Sides = tuple[int, int, int, int]
"""Left, right, top, bottom, as functional.pad takes them."""


@final
class PaddedConv2d(nn.Conv2d):
    """A convolution of an image with so many zeros on each side.

    Its weights and state keys are those of torch's, and so is all else but `padding`, which stays 0
    and says nothing: whoever asks for the linear map reads `sides`.

    Raises:
        ValueError: `padding` or `padding_mode` is given beside `sides`, or a side is negative.
    """

    def __init__(self, *args: Any, sides: Sides, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.padding != (0, 0) or self.padding_mode != "zeros" or min(sides) < 0:
            raise ValueError(f"zeros on each side are given by `sides` alone, not {sides} and more")
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        """From (n, inputs, h, w) to (n, outputs, ...)."""
        return super().forward(F.pad(x, self.sides))

    def extra_repr(self) -> str:
        """As torch's, and the sides."""
        plain: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return f"{plain}, sides={self.sides}"


class _PaddedPool2d(nn.Module):
    def __init__(self, kernel: tuple[int, int], stride: tuple[int, int], sides: Sides) -> None:
        super().__init__()
        self.kernel_size = kernel
        self.stride = stride
        self.sides = sides

    def extra_repr(self) -> str:
        """Kernel, stride, sides."""
        return f"{self.kernel_size}, stride={self.stride}, sides={self.sides}"


@final
class PaddedMaxPool2d(_PaddedPool2d):
    """The largest number of each window; padding is never it."""

    def forward(self, x: Tensor) -> Tensor:
        """From (n, c, h, w) to (n, c, ...)."""
        padded = F.pad(x, self.sides, value=-torch.inf)
        return F.max_pool2d(padded, self.kernel_size, self.stride)


@final
class PaddedAvgPool2d(_PaddedPool2d):
    """The mean of each window, over the numbers of the image in it, or over its zeros as well."""

    def __init__(
        self, kernel: tuple[int, int], stride: tuple[int, int], sides: Sides, count_padding: bool
    ) -> None:
        super().__init__(kernel, stride, sides)
        self.count_padding = count_padding

    def forward(self, x: Tensor) -> Tensor:
        """From (n, c, h, w) to (n, c, ...)."""
        means = F.avg_pool2d(F.pad(x, self.sides), self.kernel_size, self.stride)
        if self.count_padding:
            return means
        inside = F.pad(torch.ones_like(x[:1, :1]), self.sides)
        return means / F.avg_pool2d(inside, self.kernel_size, self.stride)

    def extra_repr(self) -> str:
        """As above, and whether padding counts."""
        return f"{super().extra_repr()}, count_padding={self.count_padding}"


@final
class FlattenByPosition(nn.Module):
    """Images (n, c, h, w) as vectors (n, h·w·c), the channels of a position side by side."""

    def forward(self, x: Tensor) -> Tensor:
        """In TensorFlow's order."""
        return x.permute(0, 2, 3, 1).flatten(1)


def conv2d(
    inputs: int,
    outputs: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    sides: Sides = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    bias: bool = True,
) -> nn.Conv2d:
    """A convolution of torch's own where opposite sides are alike, and else a `PaddedConv2d`."""
    left, right, top, bottom = sides
    if (left, top) == (right, bottom):
        return nn.Conv2d(
            inputs, outputs, kernel, stride, (top, left), dilation, groups=groups, bias=bias
        )
    return PaddedConv2d(
        inputs,
        outputs,
        kernel,
        stride,
        dilation=dilation,
        groups=groups,
        bias=bias,
        sides=sides,
    )


def conv_sides(conv: nn.Conv2d) -> Sides:
    """The zeros that a convolution puts around its images: left, right, top, bottom."""
    if isinstance(conv, PaddedConv2d):
        return conv.sides
    if conv.padding == "valid":
        return (0, 0, 0, 0)
    if conv.padding == "same":
        # torch's, of stride 1 alone: an odd one of the zeros goes behind the image.
        (top, bottom), (left, right) = (
            (d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2)
            for k, d in zip(conv.kernel_size, conv.dilation, strict=True)
        )
        return left, right, top, bottom
    vertical, horizontal = (int(zeros) for zeros in conv.padding)
    return horizontal, horizontal, vertical, vertical
