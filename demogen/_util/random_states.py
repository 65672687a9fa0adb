"""Whether code draws from the global generators of random numbers."""

import random
import sys
from typing import Any

import numpy as np


def random_states() -> tuple[object, ...]:
    """States of the global generators of Python and numpy, and of torch where it was imported."""
    of_numpy: Any = np.random.get_state()  # noqa: NPY002
    _, key, position, *_ = of_numpy
    torch = sys.modules.get("torch")
    of_torch = torch.get_rng_state().numpy().tobytes() if torch else b""
    return of_torch, key.tobytes(), position, random.getstate()
