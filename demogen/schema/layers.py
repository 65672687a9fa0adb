"""Layers one by one, with the shapes that they make of a sample: no torch, no memory for weights.

A shape is (channels, height, width), or (features,) once it is flat.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from demogen.schema.frozen import Frozen, Width

Shape = tuple[int, ...]
Sides = tuple[int, int, int, int]
"""Zeros around an image: left, right, top, bottom."""


def _shortest(value: Any) -> Any:
    """A number where all sides have it, a pair where opposite ones agree: one network, one text."""
    if not isinstance(value, list | tuple) or len(value) not in (2, 4):
        return value
    if len(value) == 4 and value[0] == value[1] and value[2] == value[3]:
        value = (value[2], value[0])
    return value[0] if len(value) == 2 and value[0] == value[1] else value


Size = Annotated[int, Field(ge=1, le=1024)]
Pair = Annotated[Size | tuple[Size, Size], BeforeValidator(_shortest)]
"""For both axes, or (vertical, horizontal)."""

Zeros = Annotated[int, Field(ge=0, le=1024)]
Padding = Annotated[
    Literal["same"] | Zeros | tuple[Zeros, Zeros] | tuple[Zeros, Zeros, Zeros, Zeros],
    BeforeValidator(_shortest),
]
"""On all sides; (above and below, left and right); or (left, right, top, bottom).

"same" as TensorFlow means it: as many as give ⌈size / stride⌉ positions, an odd one behind.
"""


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(vertical, horizontal)."""
    return (value, value) if isinstance(value, int) else value


class _Window(Frozen):
    """What convolutions and pooling share: a window that moves over an image."""

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], Padding]:
        """Kernel, stride and dilation as (vertical, horizontal), and padding as given."""
        raise NotImplementedError

    def sides(self, shape: Shape) -> Sides:
        """Padding of an image of this shape (channels, height, width)."""
        kernel, stride, dilation, padding = self.geometry()
        if padding == "same":
            (top, bottom), (left, right) = (
                _same(*axis) for axis in zip(shape[1:], kernel, stride, dilation, strict=True)
            )
            return left, right, top, bottom
        if isinstance(padding, tuple) and len(padding) == 4:
            return padding
        vertical, horizontal = pair(padding)
        return horizontal, horizontal, vertical, vertical

    def window_output(self, shape: Shape, channels: int) -> Shape:
        """The shape after the window has moved over a sample of the given shape.

        Raises:
            ValueError: the sample is flat, or smaller than the window.
        """
        _, height, width = _image(shape)
        kernel, stride, dilation, _ = self.geometry()
        left, right, top, bottom = self.sides(shape)
        sizes = (height + top + bottom, width + left + right)
        counts = [
            (size - (k - 1) * d - 1) // s + 1
            for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True)
        ]
        if min(counts) < 1:
            raise ValueError(f"a window of {kernel} does not fit into images of {sizes}")
        return (channels, *counts)


class Conv(_Window):
    """A convolution: cross-correlation with `out` kernels, as torch and TensorFlow have it."""

    kind: Literal["conv"]
    out: Width
    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: Width = 1
    bias: bool = True

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], Padding]:
        """Kernel, stride, dilation, padding."""
        return pair(self.kernel), pair(self.stride), pair(self.dilation), self.padding

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        channels = _image(shape)[0]
        if channels % self.groups or self.out % self.groups:
            raise ValueError(f"{self.groups} groups do not divide {channels} and {self.out}")
        return self.window_output(shape, self.out)

    def parameters(self, shape: Shape) -> int:
        """Number of weights."""
        kernel = math.prod(pair(self.kernel))
        return self.out * (shape[0] // self.groups * kernel + self.bias)


class Dense(Frozen):
    """A matrix and a bias, for flat samples."""

    kind: Literal["dense"]
    out: Width
    bias: bool = True

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        if len(shape) != 1:
            raise ValueError(f"it takes flat samples, not images of {shape}: flatten them before")
        return (self.out,)

    def parameters(self, shape: Shape) -> int:
        """Number of weights."""
        return self.out * (shape[0] + self.bias)


class BatchNorm(Frozen):
    """Batch norm of channels or features; `momentum` is the share of the new value, as torch's."""

    kind: Literal["batch_norm"]
    eps: Annotated[float, Field(ge=0, le=1)] = 1e-5
    momentum: Annotated[float, Field(ge=0, le=1)] = 0.1
    affine: bool = True

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        return shape

    def parameters(self, shape: Shape) -> int:
        """Number of weights."""
        return 2 * shape[0] * self.affine


class GroupNorm(Frozen):
    """Group norm of channels or features."""

    kind: Literal["group_norm"]
    groups: Width
    eps: Annotated[float, Field(ge=0, le=1)] = 1e-5
    affine: bool = True

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        if shape[0] % self.groups:
            raise ValueError(f"{self.groups} groups do not divide {shape[0]} channels")
        return shape

    def parameters(self, shape: Shape) -> int:
        """Number of weights."""
        return 2 * shape[0] * self.affine


class _WithoutWeights(Frozen):
    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        return shape

    def parameters(self, shape: Shape) -> int:
        """None."""
        del shape
        return 0


Function = Literal[
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "gelu_tanh",
    "silu",
    "sigmoid",
    "tanh",
    "hardtanh",
    "softplus",
    "softsign",
]


class Activation(_WithoutWeights):
    """A function of each number.

    `slope`: of leaky_relu below zero (default 0.01), and α of elu (default 1). "gelu_tanh" is the
    approximation of "gelu" by tanh. Softmax is none: networks here end with logits.
    """

    kind: Literal["activation"]
    function: Function
    slope: Annotated[float, Field(ge=0, le=100)] | None = None

    @model_validator(mode="after")
    def _slope_has_a_meaning(self) -> Self:
        if self.slope is not None and self.function not in ("leaky_relu", "elu"):
            raise ValueError(f"slope is of leaky_relu and elu, not of {self.function}")
        return self


class _Pool(_Window):
    kernel: Pair
    stride: Pair | None = None
    """None: that of the kernel."""
    padding: Padding = 0

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], Padding]:
        """Kernel, stride, dilation, padding."""
        kernel = pair(self.kernel)
        stride = kernel if self.stride is None else pair(self.stride)
        return kernel, stride, (1, 1), self.padding

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        left, right, top, bottom = self.sides(_image(shape))
        vertical, horizontal = pair(self.kernel)
        if max(left, right) >= horizontal or max(top, bottom) >= vertical:
            raise ValueError(f"windows of {self.kernel} would lie in padding {self.padding} alone")
        return self.window_output(shape, shape[0])

    def parameters(self, shape: Shape) -> int:
        """None."""
        del shape
        return 0


class MaxPool(_Pool):
    """The largest number of each window; padding is never the largest."""

    kind: Literal["max_pool"]


class AvgPool(_Pool):
    """The mean of each window; padding counts only if asked (TensorFlow: no, torch: yes)."""

    kind: Literal["avg_pool"]
    count_padding: bool = False


class GlobalPool(_WithoutWeights):
    """One number a channel: the mean, or the largest. The sample is flat afterwards."""

    kind: Literal["global_avg_pool", "global_max_pool"]

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        return (_image(shape)[0],)


class Flatten(_WithoutWeights):
    """Images as vectors: channel by channel, or ("hwc", TensorFlow) position by position."""

    kind: Literal["flatten"]
    order: Literal["chw", "hwc"] = "chw"

    def output(self, shape: Shape) -> Shape:
        """Shape after the layer."""
        return (math.prod(shape),)


class Dropout(_WithoutWeights):
    """Numbers, or whole channels, are set to zero at this rate while training."""

    kind: Literal["dropout"]
    rate: Annotated[float, Field(ge=0, lt=1)]
    channels: bool = False


AnyLayer = (
    Conv
    | Dense
    | BatchNorm
    | GroupNorm
    | Activation
    | MaxPool
    | AvgPool
    | GlobalPool
    | Flatten
    | Dropout
)
Layer = Annotated[AnyLayer, Field(discriminator="kind")]

NORMS = ("batch_norm", "group_norm")
WEIGHTED = ("conv", "dense")


def shapes(layers: Sequence[AnyLayer], input_shape: Shape) -> list[Shape]:
    """The shape before the first layer and after each: one more than there are layers.

    Raises:
        ValueError: a layer does not fit what it gets; its number (from 0) and kind are named.
    """
    known = [input_shape]
    for number, layer in enumerate(layers):
        try:
            known.append(layer.output(known[-1]))
        except ValueError as error:
            raise ValueError(f"layer {number} ({layer.kind}): {error}") from error
    return known


def hidden_places(layers: Sequence[AnyLayer]) -> list[int]:
    """Of each hidden convolution and dense layer, where its output is read: after its norms.

    The last of them all is no hidden one: it gives the logits.
    """
    weighted = [number for number, layer in enumerate(layers) if layer.kind in WEIGHTED]
    return [_last_of(layers, number, lambda layer: layer.kind in NORMS) for number in weighted[:-1]]


def units_place(layers: Sequence[AnyLayer]) -> int | None:
    """Where units are ablated: the last hidden convolution or dense layer after its activation."""
    hidden = hidden_places(layers)
    if not hidden:
        return None
    return _last_of(layers, hidden[-1], lambda layer: layer.kind in (*NORMS, "activation"))


def _last_of(layers: Sequence[AnyLayer], number: int, belongs: Callable[[AnyLayer], bool]) -> int:
    """The last of the layers right after `number` that belong to it, dropout between skipped."""
    last = number
    for after, layer in enumerate(layers[number + 1 :], start=number + 1):
        if belongs(layer):
            last = after
        elif layer.kind != "dropout":
            break
    return last


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and behind one axis, as TensorFlow's "SAME"."""
    count = -(-size // stride)
    total = max((count - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise ValueError(f"it takes images, not flat samples of {shape[0]} features")
    return shape
