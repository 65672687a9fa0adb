"""Taps of networks that the margin paper does not treat."""

import math
from collections.abc import Sequence


def hidden_taps(hidden_stages: Sequence[str]) -> dict[str, str]:
    """Taps h1 to h3 among H hidden weight layers: h_i is hidden layer ⌈i·H/3⌉.

    >>> hidden_taps(["layer1", "layer2"])
    {'h1': 'layer1', 'h2': 'layer2', 'h3': 'layer2'}
    """
    count = len(hidden_stages)
    return {f"h{i}": hidden_stages[math.ceil(i * count / 3) - 1] for i in (1, 2, 3)}
