"""What an architecture may be: one typed, closed description a family. Nothing imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Width = Annotated[int, Field(ge=1, le=65_536)]
DropoutRate = Annotated[float, Field(ge=0, lt=1)]


class Frozen(BaseModel):
    """Base of all typed data here: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NiN(Frozen):
    """Network in network of Jiang et al. 2019, Table 2 (three blocks of 3x3 stride 2, 1x1, 1x1)."""

    family: Literal["nin"]
    width: Width
    batch_norm: bool = False
    dropout: DropoutRate = 0.0

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

    @model_validator(mode="after")
    def _depth_is_one_of_the_kinds(self) -> Self:
        if self.depth != 34 and (self.depth - 2) % 6:
            raise ValueError(f"a ResNet has depth 34 or 6n + 2 (32, 56, …), not {self.depth}")
        if self.depth == 34 and self.norm != "batch":
            raise ValueError("a ResNet of depth 34 has batch norm")
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


AnyFamily = NiN | ConvNet | MLP | ResNet | VGG | MobileNet

Architecture = Annotated[AnyFamily, Field(discriminator="family")]

FAMILIES: dict[str, type[Frozen]] = {
    "nin": NiN,
    "convnet": ConvNet,
    "mlp": MLP,
    "resnet": ResNet,
    "vgg": VGG,
    "mobilenet": MobileNet,
}
