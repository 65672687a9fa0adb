"""Padding that differs from side to side, against sums over windows written out."""

import itertools
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from demogen.networks.network import Network
from demogen.networks.padded import (
    FlattenByPosition,
    PaddedAvgPool2d,
    PaddedConv2d,
    PaddedMaxPool2d,
    conv2d,
    conv_sides,
)
from demogen.networks.tapped_module import TappedModule

SIDES = (0, 1, 2, 1)


def windows(image, kernel, stride, sides, dilation=(1, 1)):
    """(row, column) → the values of the image (h, w) in that window; None where there is none."""
    left, right, top, bottom = sides
    height, width = image.shape
    rows = (height + top + bottom - (kernel[0] - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (width + left + right - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
    found = {}
    for row, column in itertools.product(range(rows), range(columns)):
        values = []
        for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
            y = row * stride[0] + i * dilation[0] - top
            x = column * stride[1] + j * dilation[1] - left
            inside = 0 <= y < height and 0 <= x < width
            values.append(float(image[y, x]) if inside else None)
        found[row, column] = values
    return found


def images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_convolution_sums_over_the_windows_of_the_padded_image():
    conv = conv2d(2, 3, (3, 2), stride=(2, 1), sides=SIDES, dilation=(1, 2), bias=True)
    conv = conv.double().requires_grad_(False)
    assert type(conv) is PaddedConv2d
    x = images(1, 2, 5, 6)
    with torch.no_grad():
        found = conv(x)[0]
    each = [windows(x[0, c], (3, 2), (2, 1), SIDES, (1, 2)) for c in range(2)]
    for out in range(3):
        kernels = conv.weight[out].detach().reshape(2, -1).tolist()
        for place in each[0]:
            total = float(conv.bias[out]) + sum(
                k * (v or 0.0)
                for kernel, of in zip(kernels, each, strict=True)
                for k, v in zip(kernel, of[place], strict=True)
            )
            assert float(found[(out, *place)]) == pytest.approx(total, rel=1e-12, abs=1e-12)
    assert found.shape[1:] == tuple(np.max(list(each[0]), axis=0) + 1)


@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (3, 2)])
def test_pooling_leaves_padding_out(kernel):
    x, sides = -1 - images(1, 1, 5, 6).abs(), (0, 1, 1, 0)
    stride = (2, 1)
    largest = PaddedMaxPool2d(kernel, stride, sides)(x)[0, 0]
    mean = PaddedAvgPool2d(kernel, stride, sides, count_padding=False)(x)[0, 0]
    with_zeros = PaddedAvgPool2d(kernel, stride, sides, count_padding=True)(x)[0, 0]
    for place, values in windows(x[0, 0], kernel, stride, sides).items():
        inside = [value for value in values if value is not None]
        assert float(largest[place]) == max(inside)
        assert float(mean[place]) == pytest.approx(sum(inside) / len(inside), rel=1e-12)
        assert float(with_zeros[place]) == pytest.approx(sum(inside) / len(values), rel=1e-12)


def test_padding_that_is_alike_on_opposite_sides_is_torchs_own():
    conv = conv2d(2, 4, (3, 3), stride=(2, 2), sides=(2, 2, 1, 1), groups=2, bias=False)
    assert type(conv) is nn.Conv2d
    assert (conv.padding, conv.stride, conv.groups, conv.bias) == ((1, 2), (2, 2), 2, None)
    assert conv_sides(conv) == (2, 2, 1, 1)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    ("conv", "sides"),
    [
        (nn.Conv2d(1, 1, 3, padding=1), (1, 1, 1, 1)),
        (nn.Conv2d(1, 1, 3, padding=(1, 2)), (2, 2, 1, 1)),
        (nn.Conv2d(1, 1, 3, padding="valid"), (0, 0, 0, 0)),
        (nn.Conv2d(1, 1, (2, 3), padding="same", dilation=(3, 1)), (1, 1, 1, 2)),
        (PaddedConv2d(1, 1, 3, sides=SIDES), SIDES),
    ],
)
def test_the_sides_of_a_convolution_give_its_output(conv, sides):
    assert conv_sides(conv) == sides
    x = torch.randn(2, 1, 7, 8)
    by_hand = nn.functional.conv2d(
        nn.functional.pad(x, sides), conv.weight, conv.bias, 1, 0, conv.dilation
    )
    assert torch.equal(conv(x), by_hand) or torch.allclose(conv(x), by_hand, atol=1e-6)


@pytest.mark.parametrize(
    "more", [{"padding": 1}, {"padding_mode": "reflect"}, {"sides": (0, -1, 0, 1)}]
)
def test_what_would_say_padding_twice_is_refused(more):
    with pytest.raises(ValueError, match="by `sides` alone"):
        PaddedConv2d(1, 1, 3, **{"sides": (0, 1, 0, 1), **more})


def test_a_chain_knows_it_and_a_network_of_ones_own_is_measured_with_it():
    stages = OrderedDict(
        conv=PaddedConv2d(1, 4, 3, stride=2, sides=(0, 1, 0, 1)),
        relu=nn.ReLU(),
        pool=PaddedMaxPool2d((2, 2), (1, 1), (0, 1, 0, 1)),
        flatten=FlattenByPosition(),
        dense=nn.Linear(64, 3),
    )
    module = TappedModule(stages, {"h1": "conv"}, units="relu")
    images = torch.randn(20, 1, 8, 8)
    network = Network.of(module, images, torch.arange(20) % 3)
    assert [layer.name for layer in network.module.weight_layers((1, 8, 8))] == ["conv", "dense"]

    class Another(nn.Conv2d):
        pass

    stages["conv"] = Another(1, 4, 3, stride=2, padding=1)
    other = TappedModule(stages, {})
    assert [layer.name for layer in other.weight_layers((1, 8, 8))] == ["dense"]


def test_flattening_by_position_keeps_channels_together():
    x = torch.arange(24).reshape(1, 2, 3, 4)
    assert FlattenByPosition()(x)[0, :4].tolist() == [0, 12, 1, 13]
    assert FlattenByPosition()(x).shape == (1, 24)
