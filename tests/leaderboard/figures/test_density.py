import numpy as np
import pytest

from leaderboard.figures.density import positive_density


@pytest.mark.parametrize("count", [300, 50_000])
def test_densities_of_positive_numbers_integrate_to_one_above_zero(count):
    draw = np.random.default_rng(0).exponential(2.0, count)
    grid = np.linspace(0, 60, 1201)
    density = positive_density(draw, grid)
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    # exp(-x / 2) / 2, but for the kernels' width and the sample.
    inner = (grid > 1) & (grid < 6)
    np.testing.assert_allclose(density[inner], np.exp(-grid[inner] / 2) / 2, atol=0.03)


def test_equal_numbers_have_no_density():
    with pytest.raises(ValueError, match="not all equal"):
        positive_density(np.ones(9), np.linspace(0, 2, 5))
