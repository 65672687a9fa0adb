"""How long a training epoch of a network takes: the unit in which the cost of measures is given."""

import copy
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demogen.networks.torch_state import ordinary_state, own_random_numbers

WARM_UP = 1
"""Steps that are taken first and not timed, since they allocate memory that later ones reuse."""

TIMED = 3
"""Steps whose median counts."""

MOMENTUM = 0.9


@ordinary_state()
def epoch_seconds(
    module: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    batch_size: int,
    train_size: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds that one plain training epoch takes on the network's device, from a few steps of it.

    A step is the forward pass in training mode, cross-entropy, the backward pass, and SGD with
    momentum, of the same images every time; an epoch is `train_size` images at the median pace of
    `TIMED` steps. Augmentation and loading are no part of it. Costs `WARM_UP + TIMED` = 4 steps and
    one copy of the network, however long the epoch: 4·batch_size / train_size of its time (1 % for
    50,000 images in batches of 128).

    The network, its buffers and gradients, and torch's random numbers are left as they are.

    Args:
        module: the network, in any mode; parameters that need no gradient get one in the copy.
        images: as the network expects them, (n, c, h, w) or (n, d), on any device; the first are
            taken, as many as a batch or as there are.
        labels: classes (n,), int64; which ones does not matter.
        batch_size: images of a step.
        train_size: images of an epoch.
        clock: gives seconds.

    Raises:
        RuntimeError: no memory for a step.
        ValueError: the network cannot train on such a batch (batch norm on one image).
    """
    device = next(module.parameters()).device
    size = min(batch_size, train_size, len(images))
    x, y = images[:size].to(device), labels[:size].to(device)
    # Dropout draws from the generator of the device.
    with own_random_numbers(0, device):
        trained = copy.deepcopy(module).train().requires_grad_(True)
        taken = list(_step_seconds(trained, x, y, clock))
    return median(taken[WARM_UP:]) * train_size / size


def _step_seconds(
    module: nn.Module, x: Tensor, y: Tensor, clock: Callable[[], float]
) -> Iterator[float]:
    # By hand: torch.optim takes two seconds to import, longer than most steps here.
    weights = list(module.parameters())
    velocities = [torch.zeros_like(weight) for weight in weights]
    for _ in range(WARM_UP + TIMED):
        _wait_for(x.device)
        start = clock()
        module.zero_grad(set_to_none=True)
        F.cross_entropy(module(x), y).backward()
        _update(weights, velocities)
        _wait_for(x.device)
        yield clock() - start


@torch.no_grad()
def _update(weights: list[nn.Parameter], velocities: list[Tensor]) -> None:
    for weight, velocity in zip(weights, velocities, strict=True):
        if weight.grad is not None:
            velocity.mul_(MOMENTUM).add_(weight.grad)
            # At rate 0: the same work, and no weight runs off to where arithmetic is slow.
            weight.add_(velocity, alpha=0.0)


def _wait_for(device: torch.device) -> None:
    """A GPU is still at work when its calls have returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
