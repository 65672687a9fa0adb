"""Activations of a few images."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.images.subsampling import tickets
from demogen.measuring.batches import batches, pass_size, sizes
from demogen.measuring.rows import Rows
from demogen.networks.tapped_module import INPUT, TappedModule


def outputs(
    module: TappedModule,
    images: Tensor,
    batch_size: int,
    run: Callable[[Tensor], Sequence[Tensor]],
) -> list[Tensor]:
    """What `run` makes of all images, a pass at a time.

    Args:
        module: in evaluation mode.
        images: (n, c, h, w) or (n, d): a few, for what is made of them is kept.
        batch_size: images a pass, at most.
        run: a batch of images ↦ what the network gives in some places, (n, ...) each.

    Returns:
        Of each place, (n, ...).

    Raises:
        NotMeasurable: there are no images.
    """
    places: list[Rows] = []
    size = pass_size(module, sizes(module, images).largest_activation, batch_size)
    with torch.no_grad():
        for x in batches(module, images, size):
            found = run(x)
            places = places or [Rows(len(images)) for _ in found]
            for place, part in zip(places, found, strict=True):
                place.append(part)
    return [place.all() for place in places]


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
    # As `fixed_sample` of the images of each class, without a copy of these.
    drawn = tickets(images, seed).to(labels.device)
    places = [torch.nonzero(labels == label).flatten() for label in labels.unique()]
    return [place[drawn[place].argsort(stable=True)[:per_class]] for place in places]
