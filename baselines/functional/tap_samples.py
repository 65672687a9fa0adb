"""Activations of a few images, kept during a sweep over all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.images.subsampling import fixed_sample
from demogen.measuring.sweep import Batch, Needs
from demogen.networks.tapped_module import INPUT, TappedModule


class TapSampleReduction:
    """Activations of some of a sweep's images, at some taps, and their logits.

    Args:
        taps: which.
        sample: indices of the images to keep, shape (s,).
        count: how many images the sweep has.
    """

    needs = Needs(activations=True)

    def __init__(self, taps: Sequence[str], sample: Tensor, count: int) -> None:
        self._taps = taps
        self._sample = sample
        self._kept = torch.zeros(count, dtype=torch.bool, device=sample.device)
        self._kept[sample] = True
        self._seen = 0
        self._logits: list[Tensor] = []
        self._activations: dict[str, list[Tensor]] = {tap: [] for tap in taps}

    def add(self, batch: Batch) -> None:
        """Keep those of a batch that are of the sample."""
        kept = self._kept[self._seen : self._seen + len(batch.logits)].to(batch.logits.device)
        self._seen += len(batch.logits)
        self._logits.append(batch.logits[kept])
        for tap in self._taps:
            self._activations[tap].append(batch.activations[tap][kept])

    def activations(self, tap: str) -> Tensor:
        """At a tap, shape (s, ...), in the order of the sample."""
        return self._in_order(self._activations[tap])

    def logits(self) -> Tensor:
        """Float64, shape (s, classes), in the order of the sample."""
        return self._in_order(self._logits)

    def _in_order(self, parts: list[Tensor]) -> Tensor:
        rows = torch.cat(parts)
        return rows[self._sample.argsort().argsort().to(rows.device)]


def hidden_among(module: TappedModule, taps: Sequence[str]) -> list[str]:
    """Those of the taps that the network has, in the order asked for.

    Raises:
        NotMeasurable: it has none of them.
    """
    found = [tap for tap in taps if tap in module.taps]
    if not found:
        raise NotMeasurable(
            f"it names none of the taps {', '.join(taps)}; it has "
            f"{', '.join(tap for tap in module.taps if tap != INPUT) or 'no hidden tap'}"
        )
    return found


def sample_by_class(images: Tensor, labels: Tensor, per_class: int, seed: int) -> list[Tensor]:
    """Indices of at most so many images of each class, a fixed sample by content, in random order.

    Args:
        images: (n, ...).
        labels: (n,).
        per_class: how many of a class.
        seed: of the lottery (`demogen.images.subsampling.fixed_sample`).

    Returns:
        One tensor for each class that occurs, in the order of classes.

    Raises:
        NotMeasurable: there are no images.
    """
    if not len(labels):
        raise NotMeasurable("there are no images to measure it on")
    places = [torch.nonzero(labels == label).flatten() for label in labels.unique()]
    return [place[fixed_sample(images[place], per_class, seed)] for place in places]
