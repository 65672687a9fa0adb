"""What a user gives for a network of one's own: made right, or refused in one line."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from demogen.errors import ZooError
from demogen.networks.tapped_module import TappedModule

if TYPE_CHECKING:
    Numbers = Tensor | np.ndarray | Sequence[int] | Sequence[float]

_WRAPPED_AS = ("module", "_orig_mod")
"""What torch's wrappers (DataParallel, DistributedDataParallel, compile) call what they wrap."""


def own_module(module: nn.Module) -> TappedModule:
    """A copy of the network as it is now, in evaluation mode, its weights without gradients.

    It is a copy so that nothing that measures do reaches the user's network: modes, requires_grad,
    gradients, buffers and hooks stay as they are, and training goes on as if nothing had been.
    Wrappers of torch are taken off, and a plain module becomes one stage with the tap "input"
    alone. Forward hooks are a part of what the network computes and are kept; backward hooks,
    which may change gradients, are not.

    Raises:
        ZooError: it is no network that can be measured; the message names the fault and a remedy.
    """
    if not isinstance(module, nn.Module):
        raise ZooError(f"a network is a torch.nn.Module, not a {type(module).__name__}")
    module = _unwrapped(module)
    _check_parameters(module)
    with torch.inference_mode(False), torch.no_grad():
        try:
            own = copy.deepcopy(module, _shared_and_derived(module))
        except Exception as error:
            raise ZooError(
                f"the network cannot be copied, and is measured on a copy: {first_line(error)}; "
                "keep what is no part of it outside"
            ) from error
    for layer in own.modules():
        layer._backward_hooks.clear()
        layer._backward_pre_hooks.clear()
    tapped = own if isinstance(own, TappedModule) else TappedModule.around(own)
    return tapped.eval().requires_grad_(False)


def own_initial(module: nn.Module, trained: TappedModule) -> TappedModule:
    """The network before training, as `own_module`.

    Raises:
        ZooError: it can be no earlier state of `trained`, as its weights have other names or
            shapes.
    """
    initial = own_module(module)
    shapes, expected = (
        {name: tuple(value.shape) for name, value in network.named_parameters()}
        for network in (initial, trained)
    )
    for name in sorted(shapes.keys() | expected.keys()):
        if shapes.get(name) != expected.get(name):
            raise ZooError(
                f"`initial` is no earlier state of the network: {name} is {shapes.get(name)} in it "
                f"and {expected.get(name)} in the network"
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


def own_labels(labels: "Numbers") -> Tensor:
    """Labels as int64, (n,), from any type of whole numbers, (n,), (n, 1) or one-hot (n, classes).

    Raises:
        ZooError: they are no classes: fractions, negative numbers, or of another shape.
    """
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


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _unwrapped(module: nn.Module) -> nn.Module:
    while type(module).__module__.startswith("torch."):
        inside = [getattr(module, name) for name in _WRAPPED_AS if name in module._modules]
        if not inside:
            break
        module = inside[0]
    return module


def _check_parameters(module: nn.Module) -> None:
    for name, layer in module.named_modules():
        package, *rooms = type(layer).__module__.split(".")
        if package == "torch" and "quantized" in rooms:
            raise ZooError(
                f"layer {name!r} ({type(layer).__name__}) is quantized and has no derivatives; "
                "measure the network before quantization"
            )
    parameters = dict(module.named_parameters())
    if not parameters:
        raise ZooError("the network has no parameters, so there is nothing trained to measure")
    for name, parameter in parameters.items():
        if is_lazy(parameter):
            raise ZooError(f"{name} has no shape yet: run the network on a batch of images first")
        if parameter.is_meta:
            raise ZooError(f"{name} is on the meta device and has no numbers: load the weights")
        if not parameter.is_floating_point():
            raise ZooError(
                f"{name} is {_named(parameter.dtype)}, and weights are floating-point numbers; "
                "measure the network before quantization"
            )


def _shared_and_derived(module: nn.Module) -> dict[int, object]:
    """What `copy.deepcopy` is not to copy by its own rules, by id."""
    memo: dict[int, object] = {}
    for layer in module.modules():
        for name, value in vars(layer).items():
            if name.endswith("hooks") and value:
                # A hook may be a method of anything: of a trainer that holds the data, say.
                memo |= {id(hook): hook for hook in value.values()}
            elif isinstance(value, Tensor) and not value.is_leaf:
                # As torch.nn.utils.weight_norm leaves it; its hook computes it anew.
                memo[id(value)] = value.detach().clone()
    return memo


def _tensor(values: "Numbers", what: str) -> Tensor:
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
