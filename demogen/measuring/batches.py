"""Running a network over images, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule

_CACHED_VALUES = 2**21
"""Values of the largest activation in one pass on a CPU: more leave a core's cache, and a pass
takes up to half as long again."""

_SMALLEST_PASS = 16


@dataclass(frozen=True)
class Sizes:
    """How large one image makes a network's results.

    Attributes:
        largest_activation: values of the largest output of a layer.
        classes: how many logits.
    """

    largest_activation: int
    classes: int


def sizes(module: TappedModule, images: Tensor) -> Sizes:
    """Run the first image and see.

    Args:
        module: in evaluation mode.
        images: (n, ...).

    Raises:
        NotMeasurable: there are no images.
    """
    largest = 1

    def note(layer: nn.Module, inputs: object, output: object) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, output.numel())

    hooks = [layer.register_forward_hook(note) for layer in module.modules()]
    try:
        with torch.no_grad():
            logits = module(next(batches(module, images[:1], 1)))
    finally:
        for hook in hooks:
            hook.remove()
    return Sizes(largest, int(logits.shape[1]))


def pass_size(module: TappedModule, largest_activation: int, batch_size: int) -> int:
    """How many images to take in one pass: `batch_size`, or fewer where a CPU is faster so."""
    if next(module.parameters()).device.type != "cpu":
        return batch_size
    fitting: int = 2 ** max(0, (_CACHED_VALUES // largest_activation).bit_length() - 1)
    return min(batch_size, max(_SMALLEST_PASS, fitting))


def batches(module: TappedModule, images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """The images in order, at most `batch_size` at a time, on the module's device and in its dtype.

    They are contiguous, however the caller's lie in memory, or in the format that is fastest for a
    network that takes any (`in_fastest_format`).

    Raises:
        NotMeasurable: there are no images.
    """
    if len(images) == 0:
        raise NotMeasurable("there are no images to measure it on")
    weight = next(module.parameters())
    for batch in torch.split(images, batch_size):
        yield in_fastest_format(module, batch.to(weight.device, weight.dtype).contiguous())


def in_fastest_format(module: TappedModule, batch: Tensor) -> Tensor:
    """The batch in the memory format in which passes take the least time.

    On a CPU convolutions take up to a third less on channels-last images; a network that has none
    would have to bring them into their order again. That is for networks of torch's own modules
    and of the zoo's, which take any format; another module's `forward`, or a hook, may say `view`,
    which needs contiguous images.
    """
    if batch.ndim != 4 or batch.device.type != "cpu":
        return batch
    layers = list(module.modules())
    convolves = any(isinstance(layer, nn.Conv2d) for layer in layers)
    known = convolves and all(
        type(layer).__module__.startswith(("torch.nn.", "demogen.networks."))
        and not layer._forward_hooks
        and not layer._forward_pre_hooks
        for layer in layers
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
