import numpy as np
import pytest
import torch
from torch import nn

from baselines.functional.heavy_tails import (
    NO_FIT,
    kept_layers,
    kept_layers_released,
    layer_spectra,
    log_alpha_norm,
    power_law,
    power_law_released,
)


def quantiles(alpha, count):
    """Of a power law above 1, at equal steps of probability."""
    return (1 - (np.arange(count) + 0.5) / count) ** (1 / (1 - alpha))


@pytest.mark.parametrize("alpha", [1.5, 2.0, 4.0, 7.0])
def test_the_exponent_of_an_exact_law_is_found(alpha):
    for fit in (power_law, power_law_released):
        assert fit(quantiles(alpha, 4000)).alpha == pytest.approx(alpha, rel=0.005)


def test_what_lies_below_the_tail_is_left_out():
    law = quantiles(3.0, 2000)
    bulk = np.linspace(0.3, 0.99, 1500)
    found = power_law(np.concatenate([bulk, law]))
    assert found.alpha == pytest.approx(3.0, rel=0.02)
    assert 0.95 < found.smallest < 1.05


def test_the_distance_is_that_of_kolmogorov_and_smirnov():
    from scipy import stats

    values = np.sort(np.random.default_rng(3).pareto(1.7, 60) + 1)
    found = power_law(values)
    tail = values[values >= found.smallest]
    law = stats.pareto(found.alpha - 1, scale=found.smallest)
    assert found.distance == pytest.approx(stats.kstest(tail, law.cdf).statistic, rel=1e-12)
    # The likeliest exponent, as scipy finds it.
    assert found.alpha - 1 == pytest.approx(
        stats.pareto.fit(tail, floc=0, fscale=found.smallest)[0], rel=1e-12
    )


def test_the_search_tries_every_cut():
    values = np.sort(np.random.default_rng(5).lognormal(0, 2, 40))
    best = power_law(values).distance
    for cut in values[:-1]:
        tail = values[values >= cut]
        alpha = 1 + len(tail) / np.log(tail / cut).sum()
        law = 1 - (tail / cut) ** (1 - alpha)
        steps = np.arange(len(tail) + 1) / len(tail)
        assert best <= max(np.abs(law - steps[:-1]).max(), np.abs(law - steps[1:]).max()) + 1e-12


@pytest.mark.parametrize("values", [[], [2.0], [2.0, 2.0, 2.0]])
def test_too_few_values_follow_no_law(values):
    assert power_law(np.array(values)) is None


def test_released_without_a_law():
    assert power_law_released(np.array([2.0])) == NO_FIT
    # As weightwatcher has it where all of a few eigenvalues are the same.
    assert power_law_released(np.array([2.0, 2.0])).alpha == 0


def test_the_power_norm_stays_in_range():
    values = np.array([1e-200, 1.0, 1e200])
    assert log_alpha_norm(values, 5.0) == pytest.approx(1000.0)
    assert log_alpha_norm(np.array([1.0, 2.0, 4.0]), 2.0) == pytest.approx(np.log10(21))


@pytest.mark.parametrize(
    ("layer", "kept"),
    [
        (nn.Linear(15_000, 20_000, device="meta"), True),
        (nn.Linear(15_001, 20_000, device="meta"), False),
        (nn.Linear(10, 50_000, device="meta"), True),
        (nn.Linear(10, 50_001, device="meta"), False),
        (nn.Conv2d(1000, 1000, (5, 3), device="meta"), True),
        (nn.Conv2d(1000, 1000, (4, 4), device="meta"), False),
        # The larger side counts where positions are even and there are more inputs.
        (nn.Conv2d(4000, 10, (2, 2), device="meta"), False),
        (nn.Conv2d(10, 4000, (2, 2), device="meta"), True),
        (nn.Conv2d(4000, 10, (3, 1), device="meta"), True),
    ],
)
def test_released_leaves_out_large_layers(layer, kept):
    assert bool(kept_layers_released(nn.Sequential(layer))) == kept
    assert kept_layers(nn.Sequential(layer))


def test_small_singular_values_do_not_drown():
    singular = torch.logspace(-7, 2, 10, dtype=torch.float64)
    left, right = (
        torch.linalg.qr(
            torch.randn(10, 10, generator=torch.Generator().manual_seed(i), dtype=torch.float64)
        ).Q
        for i in range(2)
    )
    layer = nn.Linear(10, 10, dtype=torch.float64)
    layer.weight.data = left @ singular.diag() @ right
    [found] = layer_spectra(nn.Sequential(layer)).values()
    assert found == pytest.approx(singular.square().numpy(), rel=1e-5)
