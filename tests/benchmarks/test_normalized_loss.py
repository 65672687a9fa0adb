"""What the normalized loss costs beyond a forward pass."""

import torch

from baselines.normalized_loss import NORMALIZED_LOSS
from demogen import measure


def test_normalized_loss_costs_a_forward_pass(ratio, network, train):
    def forward():
        with torch.no_grad():
            for x in train[0].split(256):
                network.module(x)

    ratio(
        "normalized loss / forward pass (at most 1.1)",
        lambda: measure(NORMALIZED_LOSS, network),
        forward,
    )
