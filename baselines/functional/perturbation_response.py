"""How accuracy falls as images are mixed with others, and scores of the curve (Schiff et al. 2021).

Magnitudes are scaled to [0, 1] and equally spaced. A(a) is the accuracy at magnitude a, linear
between two of them, and P(a) = ∫₀ᵃ A the perturbation cumulative density.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.measuring.batches import batches, finite, in_fastest_format, pass_size, sizes
from demogen.networks.tapped_module import TappedModule

Places = npt.NDArray[np.int64]

LARGEST_SHARE = 0.5
"""Of the other image in a mixture: with more of it the image's own label would be wrong."""

_TOP, _BOTTOM = 0.4, 0.1
"""Where the largest 60 % of the magnitudes begin, and where the smallest 10 % end."""


def partners(
    labels: Places, count: int, same_class: bool, draws: npt.NDArray[np.float64]
) -> tuple[Places, Places]:
    """For each of the first images another one, of its own class or of any other.

    Args:
        labels: of all images, (n,).
        count: how many of the first images get one.
        same_class: whether it is of the same class.
        draws: uniform in [0, 1), (count,): which of the images that may be.

    Returns:
        Places of the images that have a partner, and of their partners.

    >>> labels, draws = np.array([0, 1, 0, 0]), np.array([0.1, 0.2, 0.6])
    >>> [places.tolist() for places in partners(labels, 3, True, draws)]
    [[0, 2], [2, 3]]
    >>> [places.tolist() for places in partners(labels, 3, False, draws)]
    [[0, 1, 2], [1, 0, 1]]
    """
    by_class = np.argsort(labels, kind="stable")
    rank = np.argsort(by_class)[:count]
    first, end = (
        np.searchsorted(labels[by_class], labels[:count], side=side) for side in ("left", "right")
    )
    own = end - first
    # An image's own class, or the image itself, is a gap in the row of those that may be drawn.
    candidates = own - 1 if same_class else len(labels) - own
    drawn = np.floor(draws * candidates).astype(np.int64)
    if same_class:
        drawn += first + (first + drawn >= rank)
    else:
        drawn += np.where(drawn >= first, own, 0)
    having = np.flatnonzero(candidates > 0)
    return having, by_class[drawn[having]]


def response_curve(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    first: Tensor,
    second: Tensor,
    tap: str,
    magnitudes: int,
    batch_size: int = 256,
) -> list[float]:
    """Accuracies on mixtures (1 − s) h(x) + s h(x') at a tap, s from 0 to `LARGEST_SHARE`.

    Args:
        module: in evaluation mode.
        images: (n, ...).
        labels: (n,).
        first: places of the images x, whose labels are held to be right; one at least.
        second: places of the images x'.
        tap: where activations h are mixed; "input": the images.
        magnitudes: how many shares s, equally spaced.
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: logits that are not finite.
    """
    shares = [LARGEST_SHARE * step / (magnitudes - 1) for step in range(magnitudes)]
    size = pass_size(module, sizes(module, images).largest_activation, batch_size)
    # Of so many images all mixtures fill a pass.
    some = max(1, size // magnitudes)
    right = torch.zeros(magnitudes, dtype=torch.int64)
    with torch.no_grad():
        for x, other, wanted in zip(
            batches(module, images[first], some),
            batches(module, images[second], some),
            labels[first].split(some),
            strict=True,
        ):
            here, there = module.forward_to(tap, x), module.forward_to(tap, other)
            mixtures = in_fastest_format(
                module, torch.cat([torch.lerp(here, there, share) for share in shares])
            )
            correct = [
                finite(module.forward_from(tap, part)).argmax(1).cpu()
                for part in mixtures.split(size)
            ]
            right += (torch.cat(correct).view(magnitudes, -1) == wanted.cpu()).sum(1)
    return [int(count) / len(first) for count in right]


def cumulative_area(accuracies: Sequence[float], end: float = 1.0) -> float:
    """∫₀ᵉⁿᵈ P(a) da, exactly: P is the trapezoids' sum, and of second degree between magnitudes.

    Args:
        accuracies: A at equally spaced magnitudes from 0 to 1, two at least.
        end: in [0, 1].

    >>> cumulative_area([1.0, 1.0, 1.0])
    0.5
    """
    width = 1 / (len(accuracies) - 1)
    area = reached = 0.0
    for step, (left, right) in enumerate(itertools.pairwise(accuracies)):
        span = min(max(end - step * width, 0.0), width)
        slope = (right - left) / width
        area += span * (reached + span * (left / 2 + span * slope / 6))
        reached += width * (left + right) / 2
    return area


def gi_score(accuracies: Sequence[float]) -> float:
    """∫₀¹ (a − P(a)) da, the area between P and that of a network always right, in [0, 1/2]."""
    # Of 1 − A, so that a network that is always right has exactly 0.
    return cumulative_area([1 - accuracy for accuracy in accuracies])


def pal_score(accuracies: Sequence[float]) -> float:
    """Area under P over the largest 60 % of magnitudes, over that of the smallest 10 %.

    Of a network that is always right it is 84.

    Raises:
        NotMeasurable: no image is classified correctly at the smallest magnitudes.
    """
    bottom = cumulative_area(accuracies, _BOTTOM)
    if bottom == 0:
        raise NotMeasurable(
            "no image is classified correctly at the smallest magnitudes of perturbation, and the "
            "Pal-score divides by the area there"
        )
    return (cumulative_area(accuracies) - cumulative_area(accuracies, _TOP)) / bottom
