"""What a user gives for a network of one's own: made right, or refused in one line."""

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, SupportsIndex, cast

import numpy as np
import torch
from torch import Tensor, nn

from demogen.errors import ZooError, first_line
from demogen.networks.copying import copied, unwrapped
from demogen.networks.tapped_module import TappedModule

EXAMPLES = 16
"""Images that a plain network is traced and compared with, the first."""

if TYPE_CHECKING:
    Numbers = Tensor | np.ndarray | Sequence[int] | Sequence[float]


def own_module(module: nn.Module, images: Tensor | None = None) -> TappedModule:
    """A copy of the network as it is now, in evaluation mode, its weights without gradients.

    It is a copy so that nothing that measures do reaches the user's network (`copying.copied`).

    Args:
        module: the network, wrapped or not; a plain one is put into stages.
        images: (n, ...), n may be 0; not needed for a TappedModule.

    Raises:
        ZooError: it is no network that can be measured; the message names the fault and a remedy.
    """
    if isinstance(unwrapped(module), TappedModule):
        return cast(TappedModule, copied(module))
    assert images is not None
    if not len(images):
        images = torch.zeros(2, *images.shape[1:])
    return TappedModule.from_module(module, images[:EXAMPLES])


EARLIER = "`initial` is no earlier state of the network"
SIBLING = "one of `siblings` is no network of the same configuration"


def own_alike(
    module: nn.Module, trained: TappedModule, images: Tensor, otherwise: str = EARLIER
) -> TappedModule:
    """A network with weights of the same names and shapes as a trained one, as `own_module`.

    Args:
        module: the network before training, or one trained from another seed.
        trained: to compare with.
        images: as for `own_module`.
        otherwise: what to say of one whose weights have other names or shapes.

    Raises:
        ZooError: its weights have.
    """
    initial = own_module(module, images)
    shapes, expected = (
        {name: tuple(value.shape) for name, value in network.named_parameters()}
        for network in (initial, trained)
    )
    for name in sorted(shapes.keys() | expected.keys()):
        if shapes.get(name) != expected.get(name):
            raise ZooError(
                f"{otherwise}: {name} is {shapes.get(name)} in it and {expected.get(name)} in the "
                "network"
            )
    return initial


def own_images(images: "Tensor | np.ndarray", what: str = "images") -> Tensor:
    """Images as a tensor (n, ...) that autograd may use: no inference tensor, in no graph.

    Raises:
        ZooError: they are no floating-point numbers.
    """
    tensor = _tensor(images, what)
    if len(tensor) and not tensor.is_floating_point():
        raise ZooError(
            f"{what} are {_named(tensor.dtype)}; give them as the network expects them, "
            "floating-point and standardized as in training"
        )
    return _ordinary(tensor)


def own_labels(labels: "Numbers | None") -> Tensor:
    """Labels as int64, (n,), from any type of whole numbers, (n,), (n, 1) or one-hot (n, classes).

    Raises:
        ZooError: they are no classes: fractions, negative numbers, or of another shape.
    """
    if labels is None:
        raise ZooError("there are no labels; give the class of each image, 0, 1, …")
    given = _ordinary(_tensor(labels, "labels"))
    tensor = given.real.to(torch.int64)
    fractional = given.is_floating_point() or given.is_complex()
    if fractional and not bool((given == tensor).all()):
        raise ZooError("labels are not all whole numbers; give each image's class, 0, 1, …")
    if tensor.ndim == 2 and tensor.shape[1] == 1:
        tensor = tensor[:, 0]
    elif tensor.ndim == 2 and len(tensor):
        if not bool(((tensor == 0) | (tensor == 1)).all() and (tensor.sum(dim=1) == 1).all()):
            raise ZooError(
                f"labels of shape {tuple(tensor.shape)} are not one-hot; give the class of each "
                "image, shape (n,)"
            )
        tensor = tensor.argmax(dim=1)
    if tensor.ndim != 1:
        raise ZooError(f"labels have shape {tuple(tensor.shape)}, not (n,)")
    if len(tensor) and int(tensor.min()) < 0:
        raise ZooError(
            f"{int((tensor < 0).sum())} of {len(tensor)} labels are negative (the smallest is "
            f"{int(tensor.min())}); leave out images that have no class"
        )
    return tensor


def check_classes(labels: Tensor, classes: int) -> None:
    """Raise ZooError if a label is none of the network's classes."""
    if len(labels) and int(labels.max()) >= classes:
        raise ZooError(
            f"the largest label is {int(labels.max())}, and the network has {classes} outputs: "
            f"labels are 0 to {classes - 1}"
        )


def own_batch_size(given: SupportsIndex) -> int:
    """A batch size as an int, numpy's whole numbers among what it may be.

    Raises:
        ZooError: it is no whole number, or less than 1.
    """
    try:
        size = operator.index(given)
    except TypeError:
        size = 0
    if size < 1:
        raise ZooError(
            f"batch_size is {given!r}; measures take a whole number of images at a time, 1 or more"
        )
    return size


def _tensor(values: "Numbers | None", what: str) -> Tensor:
    if isinstance(values, np.ndarray) and not (
        values.flags.writeable and min(values.strides, default=0) >= 0
    ):
        values = values.copy()  # torch takes neither as it is
    try:
        with torch.inference_mode(False):
            tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ZooError(f"{what} are no tensor or array of numbers: {first_line(error)}") from error
    if tensor.ndim == 0 or tensor.is_sparse or tensor.is_quantized:
        raise ZooError(f"{what} are no dense tensor with one entry an image")
    return tensor


def _ordinary(tensor: Tensor) -> Tensor:
    with torch.inference_mode(False):
        return tensor.clone() if tensor.is_inference() else tensor.detach()


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
