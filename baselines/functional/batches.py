"""Running a network over images, a batch at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule


def batches(module: TappedModule, images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """The images in order, at most `batch_size` at a time, on the module's device and in its dtype.

    They are contiguous, however the caller's lie in memory: networks may take views of them.

    Raises:
        NotMeasurable: there are no images.
    """
    if len(images) == 0:
        raise NotMeasurable("there are no images to measure it on")
    weight = next(module.parameters())
    for batch in torch.split(images, batch_size):
        yield batch.to(weight.device, weight.dtype).contiguous()


def in_fastest_format(module: TappedModule, batch: Tensor) -> Tensor:
    """The batch in the memory format in which many backward passes take the least time.

    On a CPU convolutions take up to a third less on channels-last images. That is for networks of
    torch's own modules and of the zoo's, which take any format; another module's `forward`, or a
    hook, may say `view`, which needs contiguous images.
    """
    if batch.ndim != 4 or batch.device.type != "cpu":
        return batch
    known = all(
        type(layer).__module__.startswith(("torch.nn.", "demogen.networks."))
        and not layer._forward_hooks
        and not layer._forward_pre_hooks
        for layer in module.modules()
    )
    return batch.contiguous(memory_format=torch.channels_last) if known else batch


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
