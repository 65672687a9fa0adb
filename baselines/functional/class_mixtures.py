"""Whether means of two images of a class keep the class (Natekar and Sharma 2020)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.functional.losses import logits_of
from demogen.networks.tapped_module import TappedModule

_PIXELS_AT_A_TIME = 2**24
"""Of the mixtures that lie in memory together."""


def pairs(count: int, partners: int | None = None) -> tuple[Tensor, Tensor]:
    """Pairs of different ones of so many things, as two tensors of their numbers.

    Args:
        count: how many things.
        partners: each is paired with so many that follow it in a ring, at most half of all; None:
            all pairs.

    >>> torch.stack(pairs(4, 1)).T.tolist(), len(pairs(4)[0])
    ([[0, 1], [1, 2], [2, 3], [3, 0]], 6)
    """
    if partners is None:
        first, second = torch.triu_indices(count, count, 1)
        return first, second
    steps = torch.arange(1, min(partners, count // 2) + 1)
    first = torch.arange(count).repeat_interleave(len(steps))
    return first, (first + steps.repeat(count)) % max(count, 1)


def mean_mixture_accuracy(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    groups: Sequence[Tensor],
    partners: int | None = None,
    batch_size: int = 256,
) -> float | None:
    """Share of the means of two images of a class that get the class.

    Averaged over the pairs within a group, over groups and over classes. A class that has fewer
    than two images in some group is left out, as in the authors' release.

    Args:
        module: in evaluation mode.
        images: (n, ...).
        labels: (n,).
        groups: indices of the images of each group.
        partners: which pairs of a class within a group (`pairs`).
        batch_size: images a pass, at most.

    Returns:
        None if all classes are left out.

    Raises:
        NotMeasurable: logits that are not finite.
    """
    chosen: list[tuple[Tensor, Tensor]] = []
    for label in range(int(labels.max()) + 1):
        own = [group[labels[group] == label] for group in groups]
        if min(map(len, own)) < 2:
            continue
        for places in own:
            first, second = pairs(len(places), partners)
            chosen.append((places[first.to(places.device)], places[second.to(places.device)]))
    if not chosen:
        return None
    # All in one pass: those of a class alone would not fill a batch.
    a, b = (torch.cat(side) for side in zip(*chosen, strict=True))
    size = max(batch_size, _PIXELS_AT_A_TIME // max(1, images[0].numel()))
    correct = torch.cat(
        [
            _correct(module, images, labels, *sides, batch_size)
            for sides in zip(a.split(size), b.split(size), strict=True)
        ]
    )
    shares = [float(part.double().mean()) for part in correct.split([len(p) for p, _ in chosen])]
    return math.fsum(shares) / len(shares)


def _correct(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    first: Tensor,
    second: Tensor,
    batch_size: int,
) -> Tensor:
    """Whether each mean of two images of a class gets the class."""
    mixtures = (images[first] + images[second]) / 2
    found = logits_of(module, mixtures, batch_size).argmax(1)
    return found == labels[first.to(labels.device)].to(found.device)
