import random

import numpy as np
import pytest
import torch

from demogen._util.random_states import random_states


@pytest.mark.parametrize(
    "draw",
    [
        random.random,
        np.random.normal,
        lambda: torch.rand(1),
    ],
    ids=["python", "numpy", "torch"],
)
def test_states_change_with_a_draw_and_only_then(draw):
    before = random_states()
    assert random_states() == before
    np.random.default_rng(0).normal(), random.Random(0).random()
    torch.rand(1, generator=torch.Generator().manual_seed(0))
    assert random_states() == before
    draw()
    assert random_states() != before
