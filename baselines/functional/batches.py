"""Running a network over images, a batch at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule


def batches(module: TappedModule, images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """The images in order, at most `batch_size` at a time, on the module's device and in its dtype.

    Raises:
        NotMeasurable: there are no images.
    """
    if len(images) == 0:
        raise NotMeasurable("there are no images to measure it on")
    weight = next(module.parameters())
    for batch in torch.split(images, batch_size):
        yield batch.to(weight.device, weight.dtype)


def finite(logits: Tensor) -> Tensor:
    """The logits (n, classes), if they are numbers and there is more than one class.

    Raises:
        NotMeasurable: some logit is NaN or infinite (a diverged network), or there is one class.
    """
    if logits.shape[1] < 2:
        raise NotMeasurable("it has one output, so no class to tell another from")
    if not bool(logits.isfinite().all()):
        raise NotMeasurable("its logits are not all finite numbers")
    return logits
