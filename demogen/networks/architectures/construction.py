"""NetworkSpec → TappedModule."""

import json
from functools import lru_cache
from typing import Any, Protocol

import torch

from demogen._util.parsing import json_data
from demogen.errors import CorruptZooError, ZooError
from demogen.networks.architectures import (
    convnet,
    initialization,
    layers,
    mlp,
    mobilenet,
    nin,
    resnet,
    vgg,
)
from demogen.networks.tapped_module import TappedModule
from demogen.networks.torch_state import ordinary_state
from demogen.schema.records import NetworkSpec, parse


class _Family(Protocol):
    """What the file of a family offers; `spec` is the family's own description."""

    def construct(self, spec: Any, shape: tuple[int, int, int], classes: int) -> TappedModule:
        """The network without any numbers in it."""

    def initialize(self, module: TappedModule, generator: torch.Generator, spec: Any) -> None:
        """Its first weights."""


_FAMILIES: dict[str, _Family] = {
    "nin": nin,
    "convnet": convnet,
    "mlp": mlp,
    "resnet": resnet,
    "vgg": vgg,
    "mobilenet": mobilenet,
    "layers": layers,
}


@ordinary_state()
def build(spec: NetworkSpec) -> TappedModule:
    """The network freshly initialized from the spec's seed, on the CPU, float32, in training mode.

    Every number is drawn from one CPU generator in the order of the stages, so the initial weights
    are the same wherever they are made again, and the global random state is left alone.

    Raises:
        NotMeasurable: a network from elsewhere, whose initial weights nobody can make again.
    """
    generator = torch.Generator().manual_seed(spec.known_seed)
    module = skeleton(spec).to_empty(device="cpu")
    training = spec.trained
    with torch.no_grad():
        if training.initial_std is None:
            family = _FAMILIES[spec.architecture.family]
            family.initialize(module, generator, spec.architecture)
        else:
            fill = initialization.normal(training.initial_std)
            initialization.initialize(module, generator, fill)
        if training.initial_scale != 1:
            initialization.scale_kernels(module, training.initial_scale)
    return module


@ordinary_state()
def skeleton(spec: NetworkSpec) -> TappedModule:
    """The network without memory for its weights (on the meta device), to load a state into.

    Raises:
        ZooError: there is no such image set, or its images are too small for the network.
    """
    architecture, classes = spec.architecture, spec.data.class_count
    with torch.device("meta"):
        family = _FAMILIES[architecture.family]
        return family.construct(architecture, spec.data.input_shape, classes)


def weight_sizes(spec: str, what: str) -> tuple[int, int]:
    """Bytes of all tensors of a network, and how many tensors there are; no memory is taken.

    Args:
        spec: of the network, as JSON; only its architecture and images are looked at.
        what: the network, in messages.

    Raises:
        CorruptZooError: it is no spec.
    """
    try:
        content = json_data(spec)
        # One entry for all networks that differ in training alone.
        return _sizes(json.dumps([content["architecture"], content["data"]], sort_keys=True))
    except (ZooError, ValueError, LookupError, TypeError) as error:
        fault = " ".join(str(error).split())
        raise CorruptZooError(
            f"{what}: its spec is none: {fault}; the zoo is no valid one"
        ) from error


@lru_cache(maxsize=1024)
def _sizes(key: str) -> tuple[int, int]:
    architecture, data = json.loads(key)
    content = {"architecture": architecture, "data": data, "training": {}}
    state = skeleton(parse(NetworkSpec, content, "its spec")).state_dict()
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values()), len(state)


def parameter_count(module: TappedModule) -> int:
    """Number of trainable parameters (running statistics of batch norm are none)."""
    return sum(parameter.numel() for parameter in module.parameters())
