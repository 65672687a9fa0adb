"""Golden logits: what a network must give on a few fixed inputs, wherever it is loaded."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from demogen.errors import CorruptZooError
from demogen.networks.tapped_module import TappedModule
from demogen.networks.torch_state import ordinary_state

PROBES = 4
RELATIVE_TOLERANCE = 1e-4


@lru_cache(maxsize=8)
def probe_inputs(shape: tuple[int, ...]) -> Tensor:
    """Four inputs of standard normal numbers, float32 (4, *shape), the same on every machine.

    They are no images, so that a network is checked without its image set. numpy promises that
    RandomState never gives other numbers.
    """
    numbers = np.random.RandomState(0).standard_normal((PROBES, *shape))
    return torch.from_numpy(numbers.astype(np.float32))


@ordinary_state()
def probe_logits(module: TappedModule, shape: tuple[int, ...]) -> Tensor:
    """Logits (4, classes) of the probe inputs in evaluation mode, on the CPU."""
    like = next(module.parameters())
    with torch.inference_mode():
        logits: Tensor = module.eval()(probe_inputs(shape).to(like.device, like.dtype))
    return logits.cpu()


def check_probe_logits(
    module: TappedModule, shape: tuple[int, ...], expected: Sequence[Sequence[float]], what: str
) -> None:
    """Compare with the recorded logits, relative to the largest of them.

    Raises:
        CorruptZooError: they differ by more than 1e-4.
    """
    if not gives_logits(module, shape, expected):
        raise CorruptZooError(
            f"{what} does not give back its recorded logits: it is another network"
        )


@ordinary_state()
def gives_logits(
    module: TappedModule, shape: tuple[int, ...], expected: Sequence[Sequence[float]]
) -> bool:
    """Whether the probe inputs give these logits, within 1e-4 of the largest of them."""
    logits = probe_logits(module, shape)
    try:
        recorded = torch.tensor(expected, dtype=logits.dtype)
    except (TypeError, ValueError):
        return False  # rows of different lengths
    if logits.shape != recorded.shape or not logits.numel() or not recorded.isfinite().all():
        return False
    scale = max(float(recorded.abs().max()), 1e-30)
    return float((logits - recorded).abs().max()) <= RELATIVE_TOLERANCE * scale
