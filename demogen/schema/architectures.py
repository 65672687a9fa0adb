"""What an architecture may be: one typed, closed description a family. Nothing imports torch."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from demogen.schema.frozen import Frozen, Width
from demogen.schema.layers import WEIGHTED, Conv, Dense, Layer, Shape, shapes

DropoutRate = Annotated[float, Field(ge=0, lt=1)]

MOST_LAYERS = 512
MOST_PARAMETERS = 2**30
MOST_ACTIVATIONS = 2**28
"""Of a network given as layers: more than any real one for images of these sizes has."""


class NiN(Frozen):
    """Network in network of Jiang et al. 2019, Table 2 (three blocks of 3x3 stride 2, 1x1, 1x1)."""

    family: Literal["nin"]
    width: Width
    batch_norm: bool = False
    dropout: DropoutRate = 0.0
    dropout_is: Literal["dropped", "kept"] = "dropped"
    """What `dropout` says: the share of units that is set to zero, or (as the released code took
    it, where it is above 0) the share that is left."""
    dropout_after: Literal["first_two", "all"] = "first_two"
    """The blocks that end with dropout; the released code drops after the third as well."""
    same_padding: Literal["symmetric", "tensorflow"] = "symmetric"
    """How "same" is meant where a stride of 2 meets an even size: one zero before it in effect, or
    one behind it, as in the released networks. Sizes and parameters are the same."""

    def readable(self) -> Iterator[str]:
        """Parts of a network's id."""
        yield f"w{self.width}"
        if self.batch_norm:
            yield "bn"
        if self.dropout:
            yield f"d{self.dropout:g}"


class ConvNet(Frozen):
    """Plain convolutions, one after the other, and a dense layer; no pooling (Liao et al. 2018)."""

    family: Literal["convnet"]
    channels: Annotated[tuple[Width, ...], Field(min_length=1, max_length=32)]
    kernel: Annotated[int, Field(ge=1, le=15)] = 5
    stride: Annotated[int, Field(ge=1, le=8)] = 1
    padding: Annotated[int, Field(ge=0, le=7)] = 0
    bias: Literal["all", "first", "none"] = "first"
    batch_norm: bool = False

    def readable(self) -> Iterator[str]:
        """Parts of a network's id."""
        yield "w" + "x".join(map(str, self.channels))
        if self.batch_norm:
            yield "bn"


class MLP(Frozen):
    """Fully connected network of Novak et al. 2018; depth counts weight layers."""

    family: Literal["mlp"]
    width: Width
    depth: Annotated[int, Field(ge=2, le=128)]
    activation: Literal["relu", "relu6", "hardtanh", "hardsigmoid", "tanh"] = "relu"
    bias: Literal["all", "none"] = "none"

    def readable(self) -> Iterator[str]:
        """Parts of a network's id."""
        yield f"w{self.width}"
        yield f"n{self.depth}"
        yield self.activation


class ResNet(Frozen):
    """Residual network for small images: depth 6n + 2 is the pre-activation net of three stages of
    n blocks (Jiang et al. 2019); depth 34 is torchvision's with a 3x3 stem (Zhao et al. 2021).

    `width` is the number of channels of the first stage.
    """  # noqa: D205 - one sentence

    family: Literal["resnet"]
    depth: Annotated[int, Field(ge=8, le=302)]
    width: Width = 16
    norm: Literal["batch", "group"] = "batch"
    norm_eps: Annotated[float, Field(gt=0, le=1)] | None = None
    """ε of every norm of depth 6n + 2; None: 1e-5 with batch norm, 1e-6 with group norm."""
    dense_start: Literal["fan_in", "glorot"] = "fan_in"
    """How the dense layer of depth 6n + 2 starts: as the convolutions, or Glorot-uniform."""

    @model_validator(mode="after")
    def _depth_is_one_of_the_kinds(self) -> Self:
        if self.depth != 34 and (self.depth - 2) % 6:
            raise ValueError(f"a ResNet has depth 34 or 6n + 2 (32, 56, …), not {self.depth}")
        if self.depth == 34 and self.norm != "batch":
            raise ValueError("a ResNet of depth 34 has batch norm")
        if self.depth == 34 and (self.norm_eps is not None or self.dense_start != "fan_in"):
            raise ValueError("norm_eps and dense_start are for a ResNet of depth 6n + 2, not 34")
        return self

    def readable(self) -> Iterator[str]:
        """Parts of a network's id."""
        yield f"n{self.depth}"
        yield f"w{self.width}"
        yield "bn" if self.norm == "batch" else "gn"


class VGG(Frozen):
    """VGG16 (configuration D of Simonyan and Zisserman 2015): 13 convolutions, 3 dense layers.

    `width` is the number of channels of the first block, `dense` the width of the dense layers.
    """

    family: Literal["vgg"]
    width: Width = 64
    dense: Width = 4096
    batch_norm: bool = False
    dropout: DropoutRate = 0.0
    dropout_layers: Literal["all", "first"] = "all"
    """After which of the two hidden dense layers units are dropped."""

    def readable(self) -> Iterator[str]:
        """Parts of a network's id."""
        yield f"w{self.width}"
        if self.batch_norm:
            yield "bn"
        if self.dropout:
            yield f"d{self.dropout:g}"


class MobileNet(Frozen):
    """MobileNet v1 (Howard et al. 2017) for small images; `width`: channels of the stem."""

    family: Literal["mobilenet"]
    width: Width = 32

    def readable(self) -> Iterator[str]:
        """Parts of a network's id."""
        yield f"w{self.width}"


class Layers(Frozen):
    """Any chain of layers, given one by one; the last one's features are the logits.

    Layers are named by kind and number, "conv1", "activation1", "conv2", …, and state keys carry
    these names. Size is bounded before anything is built.
    """

    family: Literal["layers"]
    input_shape: tuple[Width, Width, Width] | Width
    """(channels, height, width); or features, of images that are flattened first."""
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=MOST_LAYERS)]
    taps: dict[Annotated[str, Field(pattern=r"^[A-Za-z]\w{0,31}$")], int] | None = None
    """Tap → number (from 0) of the layer whose output it is. None: h1 to h3, of H hidden
    convolutions and dense layers the ⌈iH/3⌉-th, after its norm, before its activation."""
    units: Annotated[int, Field(ge=0)] | None = None
    """Number of the layer whose output unit ablation acts on. None: the last hidden convolution or
    dense layer, after its activation."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        known = self.shapes
        if len(known[-1]) != 1:
            raise ValueError(f"the last layer gives images of {known[-1]}; logits are flat")
        if not any(layer.kind in WEIGHTED for layer in self.layers):
            raise ValueError("there is no convolution or dense layer")
        if (numbers := sum(map(math.prod, known))) > MOST_ACTIVATIONS:
            raise ValueError(
                f"{numbers:,} numbers for one sample are more than {MOST_ACTIVATIONS:,}"
            )
        if (weights := self.parameters) > MOST_PARAMETERS:
            raise ValueError(f"{weights:,} parameters are more than {MOST_PARAMETERS:,}")
        for name, number in {**(self.taps or {}), "units": self.units or 0}.items():
            if not 0 <= number < len(self.layers):
                raise ValueError(
                    f"{name} is at layer {number}; they are 0 to {len(self.layers) - 1}"
                )
        if reserved := {"input", "units"} & set(self.taps or {}):
            raise ValueError(f"{min(reserved)!r} is a reserved name for a tap")
        return self

    @property
    def shapes(self) -> list[Shape]:
        """Shape of a sample before the first layer and after each."""
        shape = self.input_shape
        return shapes(self.layers, (shape,) if isinstance(shape, int) else shape)

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.shapes[-1][0]

    def misfit(self, shape: tuple[int, int, int], classes: int) -> str | None:
        """Why the layers are not for such images and so many classes, or None."""
        flat = isinstance(self.input_shape, int)
        if (math.prod(shape) if flat else shape) != self.input_shape:
            return f"layers for inputs of {self.input_shape} do not fit images of {shape}"
        if self.classes != classes:
            return f"layers with {self.classes} logits do not fit {classes} classes"
        return None

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        befores = self.shapes[:-1]
        return sum(
            layer.parameters(shape) for layer, shape in zip(self.layers, befores, strict=True)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each layer: its kind and which of that kind it is, from 1."""
        seen: Counter[str] = Counter()
        names = []
        for layer in self.layers:
            seen[layer.kind] += 1
            names.append(f"{layer.kind}{seen[layer.kind]}")
        return tuple(names)

    def readable(self) -> Iterator[str]:
        """Parts of a network's id: weight layers, and the widest of them."""
        widths = [layer.out for layer in self.layers if isinstance(layer, Conv | Dense)]
        yield f"n{len(widths)}"
        yield f"w{max(widths)}"


AnyFamily = NiN | ConvNet | MLP | ResNet | VGG | MobileNet | Layers

Architecture = Annotated[AnyFamily, Field(discriminator="family")]

FAMILIES: dict[str, type[Frozen]] = {
    "nin": NiN,
    "convnet": ConvNet,
    "mlp": MLP,
    "resnet": ResNet,
    "vgg": VGG,
    "mobilenet": MobileNet,
    "layers": Layers,
}

STRUCTURE = frozenset({"input_shape", "layers", "taps", "units"})
"""Fields of families that are no factors: no column of a table holds them."""
