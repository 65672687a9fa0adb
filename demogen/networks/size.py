"""How large a network is and what its forward pass takes, before it has any weights."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from demogen.networks import architectures
from demogen.networks.tapped_module import TappedModule
from demogen.schema.architectures import AnyFamily
from demogen.schema.records import Data, NetworkSpec, Training

Item = TypeVar("Item")


@dataclass(frozen=True)
class NetworkSize:
    """An architecture on images of some shape.

    Attributes:
        parameters: trainable numbers.
        buffers: further numbers in float (running statistics of batch norm).
        forward: floating-point operations of one image's forward pass. A multiplication and an
            addition are two; only convolutions and matrix products are counted.
    """

    parameters: int
    buffers: int
    forward: int


def network_size(spec: NetworkSpec) -> NetworkSize:
    """Parameters, buffers and forward operations of a network."""
    return _size(_size_relevant(spec.architecture), spec.data.shape_only())


def parameter_count(spec: NetworkSpec) -> int:
    """Trainable parameters of a network: `network_size` without its forward pass."""
    return _parameters(_size_relevant(spec.architecture), spec.data.shape_only())


def longest_first(items: Iterable[Item], spec_of: Callable[[Item], NetworkSpec]) -> list[Item]:
    """Items by operations of their network's forward pass, most first; equal ones as they came.

    Workers that take them so finish together: the last that is begun is a short one.
    """
    return sorted(items, key=lambda item: -network_size(spec_of(item)).forward)


def _size_relevant(architecture: AnyFamily) -> AnyFamily:
    """The architecture with one activation, no dropout and no taps: none has numbers or is counted.

    Of all activations, the counter of operations takes least time for tanh.
    """
    common = {"activation": "tanh", "dropout": 0.0, "taps": None}
    fields = type(architecture).model_fields
    return architecture.model_copy(update={name: common[name] for name in common if name in fields})


# Numbers are kept, modules are not: a zoo may hold as many architectures as networks.
@lru_cache(maxsize=4096)
def _size(architecture: AnyFamily, data: Data) -> NetworkSize:
    module = _skeleton(architecture, data).eval()
    buffers = sum(buffer.numel() for buffer in module.buffers() if buffer.is_floating_point())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(1, *data.input_shape, device="meta"))
    return NetworkSize(
        architectures.parameter_count(module), buffers, int(counter.get_total_flops())
    )


@lru_cache(maxsize=4096)
def _parameters(architecture: AnyFamily, data: Data) -> int:
    return architectures.parameter_count(_skeleton(architecture, data))


def _skeleton(architecture: AnyFamily, data: Data) -> TappedModule:
    spec = NetworkSpec(architecture=architecture, data=data, training=Training())
    return architectures.skeleton(spec)
