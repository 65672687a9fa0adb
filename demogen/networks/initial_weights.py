"""Initial weights that are drawn again from a seed: are they those that a network started from?

On a processor with AVX2, torch takes logarithms and cosines of another library for normal numbers,
where a tensor has 16 of them or more. So a laptop with an Arm processor draws the same numbers as a
server, but two in five differ in the last bits (by 2.3e-6 at most in a million): sha256 tells them
apart, and a tolerance has to decide.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from demogen.errors import ZooError
from demogen.networks.golden_logits import gives_logits
from demogen.networks.tapped_module import TappedModule

TOLERANCE = 1e-5
"""By how much one draw may differ between processors, at standard deviation 1."""

# torch 2.6 to 2.13 on a processor with AVX2, float32: 16 normal numbers, 3 (drawn by another
# method) and 4 uniform ones.
_DRAWN = (
    *(-1.12583983, -1.1523602, -0.250578582, -0.433878809, 0.848710358, 0.692009151, -0.31601277),
    *(-2.11521935, 0.322274923, -1.26333475, 0.349983186, 0.30813393, 0.119841509, 1.2376579),
    *(1.11677718, -0.247278154, -0.719257593, -0.403343529, -0.596635342, 0.419408321),
    *(0.55290705, 0.952738106, 0.0361648202),
)


def check_drawn_again(
    module: TappedModule,
    shape: tuple[int, ...],
    recorded: Sequence[Sequence[float]] | None,
    what: str,
) -> None:
    """Decide about initial weights whose sha256 is not the recorded one.

    Where the logits of the initial network are recorded, they decide. Older zoos record none; for
    them it is decided by a few draws whose values are known: a torch that gives exactly those would
    have given the recorded sha256 as well, and one that gives them but for rounding has drawn the
    right weights but for rounding.

    Args:
        module: the network as it was drawn again.
        shape: of one input.
        recorded: logits of the probe inputs, (4, classes), or None.
        what: the network, in messages.

    Raises:
        ZooError: they are others.
    """
    if recorded is not None:
        if gives_logits(module, shape, recorded):
            return
        fault = "give other logits than it was trained from"
    else:
        difference = _difference()
        if 0 < difference <= TOLERANCE:
            return
        fault = "are not those it was trained from"
        if not difference <= TOLERANCE:
            fault += ", for this torch draws other numbers from a seed"
    raise ZooError(
        f"the initial weights of {what}, made again from the seed, {fault}; use the demogen and "
        "the torch that runs.parquet of the zoo names"
    )


def _difference() -> float:
    """The largest difference of this torch's draws from the known ones; 0: it is exactly those."""
    return float((_draws() - torch.tensor(_DRAWN)).abs().max())


def _draws() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    parts = [
        torch.empty(16).normal_(generator=generator),
        torch.empty(3).normal_(generator=generator),
    ]
    return torch.cat([*parts, torch.empty(4).uniform_(generator=generator)])
