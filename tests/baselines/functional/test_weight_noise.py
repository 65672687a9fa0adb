import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.functional import weight_noise
from baselines.functional.weight_noise import (
    DEVIATIONS,
    DROP,
    EPSILON,
    LARGEST,
    TOLERANCE,
    NoiseTrials,
    Search,
    UnitNoise,
    log_ratio,
    search_root,
)
from tests.baselines.conftest import shared_network


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.floats(0.01, 1.9), st.floats(1, 12))
def test_the_search_finds_where_a_smooth_change_is_a_tenth(root, steepness):
    def change(at):
        return min(1.0, DROP * (at / root) ** steepness)

    found = search_root(change)
    assert abs(change(found) - DROP) < TOLERANCE


@given(st.floats(0.01, 1.9))
def test_where_a_change_jumps_the_search_ends_beside_the_jump(root):
    tried = []

    def change(at):
        tried.append(at)
        return float(at > root)

    assert search_root(change) == pytest.approx(root, abs=LARGEST / 2**14)
    assert len(tried) == weight_noise.STEPS


def test_a_line_through_the_ends_moves_a_tenth_at_least():
    # Between 0.08 and 0.45 it would move by a twentieth of what is left, a step.
    assert search_root(lambda at: 0.45 if at > 0.95 else 0.08) > 0.75


def test_a_change_that_stays_away_ends_at_the_largest():
    assert search_root(lambda at: 0.0) == pytest.approx(LARGEST, rel=1e-4)


def test_deviations_of_noise():
    weight = torch.tensor([0.0, 0.5, -2.0], dtype=torch.float64)
    assert DEVIATIONS["plain"](weight, 0.3) == pytest.approx(0.09)
    wanted = [math.sqrt(0.09**2 * w * w + EPSILON**2) for w in weight.tolist()]
    assert DEVIATIONS["magnitude"](weight, 0.3).tolist() == pytest.approx(wanted)
    wanted = [0.3**2 * w * w + EPSILON**2 for w in weight.tolist()]
    assert DEVIATIONS["magnitude-released"](weight, 0.3).tolist() == pytest.approx(wanted)


def test_noise_is_normal_and_goes_with_the_units():
    generator = torch.Generator().manual_seed(3)
    weights = torch.randn(40, 30, 3, 3, generator=generator, dtype=torch.float64)
    bias = torch.randn(40, generator=generator, dtype=torch.float64)
    noise = UnitNoise([weights, bias], "a").draw(0)
    assert [part.shape for part in noise] == [weights.shape, bias.shape]
    assert float(noise[0].mean()) == pytest.approx(0, abs=0.05)
    assert float(noise[0].std()) == pytest.approx(1, abs=0.03)
    rows, columns = (torch.randperm(n, generator=generator) for n in (40, 30))
    moved = UnitNoise([weights[rows][:, columns], bias[rows]], "a").draw(0)
    assert torch.equal(moved[0], noise[0][rows][:, columns])
    assert torch.equal(moved[1], noise[1][rows])


def test_noise_depends_on_key_and_draw_alone(monkeypatch):
    weight = torch.ones(3, 4)
    kept = UnitNoise([weight], "a")
    first = kept.draw(0)[0]
    assert torch.equal(kept.draw(0)[0], first)
    assert not torch.equal(kept.draw(1)[0], first)
    assert not torch.equal(UnitNoise([weight], "b").draw(0)[0], first)
    monkeypatch.setattr(weight_noise, "KEPT_NUMBERS", 0)
    assert torch.equal(UnitNoise([weight.double()], "a").draw(0)[0], first.double())


@pytest.mark.parametrize("kind", ["plain", "magnitude"])
def test_sigma_is_where_a_fine_grid_crosses_a_tenth(kind):
    network = shared_network("convnet-bn")
    trials = NoiseTrials(network.module, Search.on(network.train, None, 40, "grid", False, 256))
    found = search_root(partial(trials.change, kind))
    grid = np.linspace(0.5 * found, 1.5 * found, 101)
    changes = np.array([trials.change(kind, root) for root in grid])
    near = grid[np.abs(changes - DROP) < TOLERANCE]
    assert near.min() - 0.01 * found <= found <= near.max() + 0.01 * found
    assert changes[grid < 0.8 * near.min()].max() < DROP
    assert changes[grid > 1.2 * near.max()].min() > DROP


def test_a_search_is_equal_where_what_it_looks_at_is():
    train = shared_network("mlp").train
    how = ("key", False)
    assert Search.on(train, 10, 5, *how, 7) == Search.on(train, 10, 5, *how, 99)
    assert Search.on(train, 10, 5, *how, 7) != Search.on(train, 11, 5, *how, 7)
    assert len(Search.on(train, 10, 5, *how, 7).data) == 10
    assert len(Search.on(train, None, 5, *how, 7).data) == len(train)


def test_the_sum_of_logs():
    moved = [torch.tensor([[1.0, -2.0]]), torch.tensor([0.0])]
    found = log_ratio(3.0, moved, sigma=0.5, epsilon=0.1)
    top = 0.01 + 1.25 * 9 / 3
    wanted = math.log(top / 0.26) + math.log(top / 1.01) + math.log(top / 0.01)
    assert found == pytest.approx(wanted, rel=1e-12)
