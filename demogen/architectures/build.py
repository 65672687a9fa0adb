"""NetworkSpec → TappedModule."""

import torch

from demogen.architectures import convnet, mlp, nin
from demogen.image_sets import facts
from demogen.schema import ConvNet, NetworkSpec, NiN
from demogen.tapped import TappedModule


def build(spec: NetworkSpec) -> TappedModule:
    """The network freshly initialized from the spec's seed, on the CPU, float32, in training mode.

    Every number is drawn from one CPU generator in the order of the stages, so the initial weights
    are the same wherever they are made again, and the global random state is left alone.
    """
    module = skeleton(spec).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(spec.seed)
    with torch.no_grad():
        _FAMILY[spec.architecture.family].initialize(module, generator)
    return module


def skeleton(spec: NetworkSpec) -> TappedModule:
    """The network without memory for its weights (on the meta device), to load a state into."""
    images = facts(spec.data.images)
    with torch.device("meta"):
        architecture = spec.architecture
        if isinstance(architecture, NiN):
            return nin.construct(architecture, images.shape, images.classes)
        if isinstance(architecture, ConvNet):
            return convnet.construct(architecture, images.shape, images.classes)
        return mlp.construct(architecture, images.shape, images.classes)


def parameter_count(module: TappedModule) -> int:
    """Number of trainable parameters (running statistics of batch norm are none)."""
    return sum(parameter.numel() for parameter in module.parameters())


_FAMILY = {"nin": nin, "convnet": convnet, "mlp": mlp}
