"""Layers by their numbers in Keras, for variants that read a network as a release does.

A network of the competition of NeurIPS 2020 is a list of Keras layers, and released measures choose
among them by number. An activation function is part of a Keras layer where it is an argument of
it, and a layer of its own otherwise; which it was, a chain of torch's layers does not tell. choice:
one right after a convolution or a dense layer counts as an argument.
"""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from baselines.functional.tap_samples import outputs
from demogen.errors import NotMeasurable
from demogen.networks.padded import PaddedAvgPool2d, PaddedMaxPool2d
from demogen.networks.tapped_module import TappedModule, is_linear

_STRIDED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, PaddedMaxPool2d, PaddedAvgPool2d)
"""Layers whose Keras configuration has strides; pooling of all positions has none."""

_NO_ARGUMENT = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.Flatten,
    nn.modules.dropout._DropoutNd,
    nn.Identity,
    *_STRIDED,
    nn.Linear,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
"""Layers that are no activation function."""


def numbered_layers(module: TappedModule) -> list[list[nn.Module]]:
    """The layers of a chain as Keras counts them, from 0; each is one or two of torch's.

    Raises:
        NotMeasurable: the network is no chain of layers.
    """
    numbered: list[list[nn.Module]] = []
    for _, layer in module.chain():
        before = numbered[-1] if numbered else []
        argument = len(before) == 1 and is_linear(before[0]) and not isinstance(layer, _NO_ARGUMENT)
        pooled = (
            len(before) == 1
            and isinstance(before[0], nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d)
            and isinstance(layer, nn.Flatten)
        )
        if argument or pooled:
            before.append(layer)
        else:
            numbered.append([layer])
    return numbered


def first_strided(layers: Sequence[Sequence[nn.Module]], numbers: Iterable[int]) -> int:
    """The first of the numbers whose layer is a convolution or pools with strides.

    Raises:
        NotMeasurable: none is.
    """
    asked = list(numbers)
    for number in asked:
        if number < len(layers) and isinstance(layers[number][0], _STRIDED):
            return number
    raise NotMeasurable(
        f"none of its layers {', '.join(map(str, asked))} (counted from 0) is a convolution or "
        "pools, as the released code needs one"
    )


def input_of_layer(
    module: TappedModule,
    layers: Sequence[Sequence[nn.Module]],
    number: int,
    images: Tensor,
    batch_size: int,
) -> Tensor:
    """What the layer of a number gets, (n, ...); that after the last layer is the logits."""
    return outputs(module, images, batch_size, lambda x: [through(layers[:number], x)])[0]


def through(layers: Sequence[Sequence[nn.Module]], x: Tensor) -> Tensor:
    """What a stretch of layers makes of its input."""
    for layer in layers:
        for part in layer:
            x = part(x)
    return x
