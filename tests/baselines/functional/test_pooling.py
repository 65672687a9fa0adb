import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from baselines.functional.pooling import log_lipschitz_constant, pooling_constant
from demogen.networks.padded import PaddedAvgPool2d, PaddedMaxPool2d
from demogen.networks.tapped_module import TappedModule

MAXIMA = [
    (nn.MaxPool2d(3, 1, 1), (8, 8), 3.0),
    (nn.MaxPool2d(3, 1, 1), (2, 8), math.sqrt(6)),
    (nn.MaxPool2d(3, 2, 1), (8, 8), 2.0),
    (nn.MaxPool2d(2), (8, 8), 1.0),
    (nn.MaxPool2d(2, ceil_mode=True), (5, 5), 1.0),
    (nn.MaxPool2d((3, 2), (1, 2)), (7, 6), math.sqrt(3)),
    (nn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True), (9, 9), None),
    (PaddedMaxPool2d((3, 2), (2, 1), (0, 1, 0, 1)), (8, 6), 2.0),
    (PaddedMaxPool2d((2, 2), (2, 2), (0, 1, 0, 0)), (8, 7), 1.0),
    (nn.AdaptiveMaxPool2d(2), (3, 4), math.sqrt(2)),
    (nn.AdaptiveMaxPool2d((None, 1)), (3, 4), 1.0),
]
AVERAGES = [
    (nn.AvgPool2d(2), (8, 8), 0.5),
    (nn.AvgPool2d(3, 1, 1), (6, 5), None),
    (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (6, 7), None),
    (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (6, 7), None),
    (nn.AvgPool2d((2, 3), 1, divisor_override=5), (5, 4), None),
    (PaddedAvgPool2d((3, 2), (1, 2), (0, 1, 1, 1), False), (5, 7), None),
    (PaddedAvgPool2d((3, 2), (1, 2), (0, 1, 2, 1), True), (5, 7), None),
    (nn.AdaptiveAvgPool2d(1), (4, 6), 1 / math.sqrt(24)),
    (nn.AdaptiveAvgPool2d((2, 3)), (5, 4), None),
]


@pytest.mark.parametrize(("layer", "size", "known"), MAXIMA, ids=repr)
def test_a_maximum_moves_with_as_many_windows_as_a_position_lies_in(layer, size, known):
    found = pooling_constant(layer, (3, *size))
    at_one_position = torch.eye(size[0] * size[1]).reshape(-1, 1, *size)
    moved = layer(at_one_position).flatten(1).norm(dim=1).max()
    assert found == pytest.approx(float(moved), rel=1e-6)
    assert known is None or found == pytest.approx(known)


@pytest.mark.parametrize(("layer", "size", "known"), AVERAGES, ids=repr)
def test_an_average_is_a_linear_map(layer, size, known):
    found = pooling_constant(layer, (3, *size))
    positions = torch.eye(size[0] * size[1], dtype=torch.float64).reshape(-1, 1, *size)
    matrix = layer(positions).flatten(1)
    assert found == pytest.approx(float(torch.linalg.matrix_norm(matrix, ord=2)), rel=1e-12)
    assert known is None or found == pytest.approx(known)


@pytest.mark.parametrize(("layer", "size", "known"), MAXIMA + AVERAGES, ids=repr)
def test_no_pair_of_inputs_is_stretched_further(layer, size, known):
    x, y = torch.randn(2, 500, 1, *size, generator=torch.Generator().manual_seed(0)).double()
    stretch = (layer(x) - layer(y)).flatten(1).norm(dim=1) / (x - y).flatten(1).norm(dim=1)
    assert float(stretch.max()) <= pooling_constant(layer, (1, *size)) * (1 + 1e-12)


def test_the_constants_of_a_chain_are_multiplied():
    stages = OrderedDict[str, nn.Module](
        conv=nn.Conv2d(1, 2, 3), relu=nn.ReLU(), pools=nn.Sequential(*[nn.MaxPool2d(3, 1, 1)] * 2)
    )
    module = TappedModule(stages, {})
    assert log_lipschitz_constant(module, (1, 8, 8)) == pytest.approx(2 * math.log(3))
    # On maps of 2x2 every position lies in four windows.
    assert log_lipschitz_constant(module, (1, 4, 4)) == pytest.approx(2 * math.log(2))
