"""A copy of somebody's network, so that nothing that measures do reaches the network itself."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from demogen.errors import ZooError, first_line

_WRAPPED_AS = ("module", "_orig_mod")
"""What torch's wrappers (DataParallel, DistributedDataParallel, compile) call what they wrap."""

_WRAPPERS = ("torch.nn.parallel.", "torch.distributed.", "torch.optim.", "torch._dynamo.")
"""Where torch's wrappers are. Layers of torch's may have a child called "module", and others."""


def copied(module: nn.Module) -> nn.Module:
    """The network as it is now, in evaluation mode, its weights without gradients.

    Modes, requires_grad, gradients, buffers and hooks of the original stay as they are. Wrappers of
    torch are taken off. Forward hooks are a part of what the network computes and are kept;
    backward hooks, which may change gradients, are not.

    Raises:
        ZooError: it is no network that can be measured; the message names the fault and a remedy.
    """
    module = unwrapped(module)
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
    return own.eval().requires_grad_(False)


@contextmanager
def quiet(device: torch.device) -> Iterator[None]:
    """Without gradients or autocast, and with the random state put back."""
    devices = [device] if device.type == "cuda" else []
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.random.fork_rng(devices=devices),
        torch.autocast(device.type, enabled=False),
    ):
        yield


def unwrapped(module: nn.Module) -> nn.Module:
    """The network without torch's wrappers around it.

    Raises:
        ZooError: it is no module at all.
    """
    if not isinstance(module, nn.Module):
        raise ZooError(f"a network is a torch.nn.Module, not a {type(module).__name__}")
    while type(module).__module__.startswith(_WRAPPERS):
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
                f"{name} is {str(parameter.dtype).removeprefix('torch.')}, and weights are "
                "floating-point numbers; measure the network before quantization"
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
