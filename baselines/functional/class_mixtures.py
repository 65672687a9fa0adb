"""Whether means of two images of a class keep the class (Natekar and Sharma 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.functional.losses import logits_of
from demogen.networks.tapped_module import TappedModule


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
    of_classes = []
    for label in range(int(labels.max()) + 1):
        own = [group[labels[group] == label] for group in groups]
        if min(map(len, own)) < 2:
            continue
        shares = []
        for places in own:
            first, second = (
                places[side.to(places.device)] for side in pairs(len(places), partners)
            )
            shares.append(_accuracy(module, images, first, second, label, batch_size))
        of_classes.append(sum(shares) / len(shares))
    return sum(of_classes) / len(of_classes) if of_classes else None


def _accuracy(
    module: TappedModule,
    images: Tensor,
    first: Tensor,
    second: Tensor,
    label: int,
    batch_size: int,
) -> float:
    correct = 0
    for a, b in zip(first.split(batch_size), second.split(batch_size), strict=True):
        mixtures = (images[a] + images[b]) / 2
        correct += int((logits_of(module, mixtures, batch_size).argmax(1) == label).sum())
    return correct / len(first)
