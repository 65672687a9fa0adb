"""How much Gaussian noise a network's weights bear (Jiang et al. 2020, appendix C; from memory)."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from baselines.functional.losses import pixel_digest
from demogen.images.subsampling import fixed_sample
from demogen.measuring.batches import batches, finite, pass_size, sizes
from demogen.networks.folding import folded_copy
from demogen.networks.network import LabeledImages
from demogen.networks.tapped_module import TappedModule

DROP = 0.1
"""By how much noise is to change the accuracy."""

TOLERANCE = 0.01
"""By how much the change may differ from that."""

STEPS = 15
"""Points that the search tries, at most."""

FAR = 0.5
"""A change above this is far too large: nothing is interpolated from it."""

FIRST = 3
"""So many draws tell that a change is far too large."""

KEPT_NUMBERS = 2**24
"""Draws are kept for the next point where they are so many numbers or fewer; else drawn again."""

LARGEST = 2.0
"""The search begins with the interval from 0 to this, of the root of σ."""

EPSILON = 1e-3
"""ε, the noise of a weight that is zero, where noise is in proportion to weights."""

Deviation = Callable[[Tensor, float], Tensor | float]
"""Weights, root of σ ↦ standard deviation of the noise of each weight."""

DEVIATIONS: dict[str, Deviation] = {
    "plain": lambda weight, root: root**2,
    "magnitude": lambda weight, root: (weight.square() * root**4 + EPSILON**2).sqrt(),
    "magnitude-released": lambda weight, root: weight.square() * root**2 + EPSILON**2,
}
"""Kind of noise → its standard deviation: σ; √(σ²w² + ε²); and with σ for the root, σ²w² + ε²."""

KINDS = {False: ("plain", "magnitude"), True: ("plain", "magnitude-released")}
"""Whether σ is that of the authors' code → kinds of noise: plain, and in proportion to weights."""


class UnitNoise:
    """Standard normal numbers for each of several tensors, the same in whatever order units stand.

    Rows and columns get their numbers in the order of their norms, so that networks which differ in
    the order of their hidden units get the same noise. They are drawn in single precision whatever
    the precision of the tensors. Of equal norms, the first gets its numbers first.
    """

    def __init__(self, tensors: Sequence[Tensor], key: str) -> None:
        self._tensors = tensors
        self._key = key
        self._ranks = [_ranks(tensor) for tensor in tensors]
        self._size = sum(tensor.numel() for tensor in tensors)
        self._kept: dict[int, list[Tensor]] = {}

    def draw(self, index: int) -> list[Tensor]:
        """Numbers for each tensor, in its shape; the same for the same key and index."""
        if index in self._kept:
            return self._kept[index]
        noise = self._drawn(index)
        if (len(self._kept) + 1) * self._size <= KEPT_NUMBERS:
            self._kept[index] = noise
        return noise

    def _drawn(self, index: int) -> list[Tensor]:
        digest = hashlib.sha256(f"{self._key}:{index}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
        noise = []
        for tensor, ranks in zip(self._tensors, self._ranks, strict=True):
            drawn = torch.randn(tensor.shape, generator=generator)
            for dim, order in enumerate(ranks):
                drawn = drawn.index_select(dim, order)
            noise.append(drawn.to(tensor))
        return noise


@dataclass(frozen=True)
class Search:
    """Images and draws of noise for which σ is looked for; equal where σ is.

    Attributes:
        released: as the authors' code: perturb folded batch norms as well, and see `KINDS`.
        key: of the noise.
        draws: how often noise is drawn; the same draws serve every σ.
        content: digests of images and labels.
        data: the images on which accuracy is taken.
        batch_size: how many a network takes at a time.
    """

    released: bool
    key: str
    draws: int
    content: str
    data: LabeledImages = field(compare=False, repr=False)
    batch_size: int = field(compare=False)

    @classmethod
    def on(
        cls,
        train: LabeledImages,
        images: int | None,
        draws: int,
        key: str,
        released: bool,
        batch_size: int,
    ) -> "Search":
        """A search on a sample of so many training images, chosen by content; None: on all."""
        chosen = fixed_sample(train.images, len(train) if images is None else images)
        data = LabeledImages(train.images[chosen], train.labels[chosen.to(train.labels.device)])
        content = pixel_digest(data.images) + pixel_digest(data.labels)
        return cls(released, key, draws, content, data, batch_size)


def roots_of_sigma(module: TappedModule, search: Search) -> tuple[float, float]:
    """√σ at which noise of the weights changes the accuracy by `DROP`, within `TOLERANCE`.

    Of plain noise, and of noise in proportion to weights. The same draws serve both.

    The accuracy that changes is that of the sample, the mean over the draws. Its change is taken as
    an absolute value, so that it is defined for a network that is always wrong.

    Raises:
        NotMeasurable: the network is no chain with ReLU, there are no images, or the logits are not
            finite.
    """
    trials = NoiseTrials(module, search)
    plain, magnitude = (
        search_root(partial(trials.change, kind)) for kind in KINDS[search.released]
    )
    return plain, magnitude


class NoiseTrials:
    """By how much noise of a given size changes a network's accuracy, over fixed draws."""

    def __init__(self, module: TappedModule, search: Search) -> None:
        self._module = folded_copy(module, keep_norms=search.released)
        self._weights = [weight.detach().clone() for weight in self._module.parameters()]
        self._noise = UnitNoise(self._weights, search.key)
        self._search = search
        images = search.data.images
        largest = sizes(self._module, images).largest_activation
        size = pass_size(self._module, largest, search.batch_size)
        self._batches = list(batches(self._module, images, size))
        labels = search.data.labels.to(self._batches[0].device)
        self._labels = labels.split(size)
        self._exact = self._accuracy(self._weights)

    def change(self, kind: str, root: float) -> float:
        """|accuracy under noise − accuracy| for a kind and a root of σ, the mean over the draws.

        Over the first draws alone, where it is above `FAR` for these.
        """
        deviation = DEVIATIONS[kind]
        scales = [deviation(weight, root) for weight in self._weights]
        total = 0.0
        for index in range(self._search.draws):
            noise = zip(self._weights, scales, self._noise.draw(index), strict=True)
            total += self._accuracy([w + scale * n for w, scale, n in noise]) - self._exact
            if index + 1 == FIRST and abs(total) > FAR * FIRST:
                return abs(total) / FIRST
        return abs(total) / self._search.draws

    def _accuracy(self, weights: Sequence[Tensor]) -> float:
        right = 0
        with torch.no_grad():
            for parameter, weight in zip(self._module.parameters(), weights, strict=True):
                parameter.copy_(weight)
            for batch, labels in zip(self._batches, self._labels, strict=True):
                logits = finite(self._module(batch))
                right += int((logits.argmax(1) == labels).sum())
        return right / len(self._search.data)


def search_root(change: Callable[[float], float]) -> float:
    """Where a change that grows is `DROP` within `TOLERANCE`, between 0 and `LARGEST`.

    The interval is halved as long as the change at its upper end is `FAR` too large; then the next
    point is the one between its ends where a line through the changes there is `DROP`, but not
    nearer to an end than a tenth of the interval. Where the change is `DROP` nowhere, because it
    jumps or stays below, it is the last of `STEPS` points.

    >>> round(search_root(lambda root: root**2), 3)
    0.309
    """
    lower, upper = 0.0, LARGEST
    below, above = 0.0, math.inf
    point = 0.0
    for _ in range(STEPS):
        share = 0.5 if above > FAR else (DROP - below) / (above - below)
        point = lower + (upper - lower) * min(max(share, 0.1), 0.9)
        found = change(point)
        if abs(found - DROP) < TOLERANCE:
            break
        if found > DROP:
            upper, above = point, found
        else:
            lower, below = point, found
    return point


def log_ratio(
    distance: float, moved: Sequence[Tensor], sigma: float, epsilon: float = EPSILON
) -> float:
    """Σᵢ ln ((ε² + (σ² + 1)·D²/ω) / (ε² + σ²·dᵢ²)) over the ω entries dᵢ of `moved`.

    Args:
        distance: D.
        moved: how far each weight has moved from where it started.
        sigma: σ.
        epsilon: ε.
    """
    count = sum(part.numel() for part in moved)
    top = math.log(epsilon**2 + (sigma**2 + 1) * distance * distance / count)
    parts = [(epsilon**2 + sigma**2 * part.double().square()).log().sum() for part in moved]
    return count * top - math.fsum(map(float, parts))


def _ranks(tensor: Tensor) -> list[Tensor]:
    """The place of each row, and of each column, in the order of their norms."""
    if tensor.ndim == 1:
        return [tensor.cpu().argsort(stable=True).argsort()]
    squares = tensor.cpu().double().square().reshape(*tensor.shape[:2], -1).sum(dim=2)
    return [squares.sum(dim=dim).argsort(stable=True).argsort() for dim in (1, 0)]
