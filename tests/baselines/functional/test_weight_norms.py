import math

import numpy as np
import pytest
import torch

from baselines.functional.weight_norms import (
    log_sum_of_ratios,
    margin_of_tenth,
    path_norm,
    spectral_norms,
)
from demogen.errors import NotMeasurable
from demogen.networks.homogeneity import AffineLayer, Convolution

KERNEL = torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def layer(stride):
    how = Convolution((stride, stride), (1, 1, 1, 1), (1, 1), 1)
    return AffineLayer("conv", KERNEL, None, (2, 6, 6), how)


def circular_matrix(size):
    """The map of a circular convolution of stride 1, column by column."""
    columns = []
    for index in range(2 * size * size):
        x = torch.zeros(2, size, size, dtype=torch.float64)
        x.view(-1)[index] = 1
        padded = torch.nn.functional.pad(x[None], (1, 1, 1, 1), mode="circular")
        columns.append(torch.nn.functional.conv2d(padded, KERNEL).flatten().numpy())
    return np.stack(columns, axis=1)


def test_the_three_spectral_norms_are_of_three_maps():
    shape = (2, 6, 6)
    (released,) = spectral_norms([layer(2)], "released", shape)
    assert released == pytest.approx(np.linalg.norm(KERNEL.reshape(3, 18).numpy(), 2), rel=1e-12)
    (by_fft,) = spectral_norms([layer(2)], "released-fft", shape)
    assert by_fft == pytest.approx(np.linalg.norm(circular_matrix(6), 2), rel=1e-12)
    (strided,) = spectral_norms([layer(2)], "paper", shape)
    (whole,) = spectral_norms([layer(1)], "paper", shape)
    assert strided < whole < by_fft


def test_a_dense_layer_has_one_spectral_norm():
    dense = AffineLayer("dense", KERNEL.flatten(1), None, (18,), None)
    norms = [spectral_norms([dense], v, (2, 6, 6)) for v in ("paper", "released", "released-fft")]
    assert norms[1] == pytest.approx(norms[0], rel=1e-12)
    assert norms[2] == pytest.approx(norms[0], rel=1e-12)


def test_path_norm_of_a_chain_is_a_sum_over_paths(make_chain):
    module = make_chain(2, 3, 2, bias=False).requires_grad_(False)
    first, last = module.layer1.weight.tolist(), module.layer2.weight.tolist()
    paths = [(last[k][j] * first[j][i]) ** 2 for i in range(2) for j in range(3) for k in range(2)]
    for variant in ("paper", "released"):
        assert path_norm(module, (2,), variant) == pytest.approx(math.fsum(paths), rel=1e-12)


@pytest.mark.parametrize(("count", "place"), [(1, 1), (9, 1), (19, 1), (20, 2), (500, 50)])
def test_the_margin_is_of_a_rank(count, place):
    margins = torch.randperm(count, generator=torch.Generator().manual_seed(0)).double() + 1
    assert margin_of_tenth(margins) == place
    assert margin_of_tenth(margins - 1000) == 1000 - place


def test_a_margin_of_zero_is_refused():
    with pytest.raises(NotMeasurable, match="margin that a tenth .* is zero"):
        margin_of_tenth(torch.zeros(3))


def test_layers_that_have_not_moved_are_left_out_of_the_ratios():
    logs = torch.tensor([0.0, math.log(4.0)], dtype=torch.float64)
    assert log_sum_of_ratios([0.0, 6.0], logs) == pytest.approx(math.log(9.0))
    with pytest.raises(NotMeasurable, match="no layer has moved"):
        log_sum_of_ratios([0.0, 0.0], logs)
