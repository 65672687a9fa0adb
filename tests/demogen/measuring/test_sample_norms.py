"""Norms of samples against math.hypot, which neither overflows nor underflows."""

import math

import pytest
import torch

from demogen.measuring.sample_norms import sample_norms

EXTREMES = {
    torch.float64: (1e300, 1e-310, 1.0, 0.0),
    torch.float32: (3e38, 1e-45, 1.0, 0.0),
    torch.bfloat16: (3e38, 1e-38, 1.0, 0.0),
}


@pytest.mark.parametrize("dtype", EXTREMES)
@pytest.mark.parametrize("size", [3, 1500])
def test_no_square_leaves_the_range_of_a_double(dtype, size):
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(40, size, generator=generator, dtype=torch.float64)
    values = torch.stack([scale * row for scale in EXTREMES[dtype] for row in draws / 8]).to(dtype)
    expected = [math.hypot(*row) for row in values.double().tolist()]
    assert sample_norms(values).tolist() == pytest.approx(expected, rel=1e-14, abs=0)


def test_what_is_no_number_has_no_norm():
    for dtype in EXTREMES:
        values = torch.ones(3, 4, dtype=dtype)
        values[1, 2], values[2, 0] = torch.nan, torch.inf
        assert sample_norms(values)[0] == 2
        assert not sample_norms(values)[1:].isfinite().any()


def test_images_may_lie_channels_last():
    values = torch.randn(5, 3, 4, 2)
    laid_out = values.contiguous(memory_format=torch.channels_last)
    assert sample_norms(laid_out).tolist() == pytest.approx(sample_norms(values).tolist())
