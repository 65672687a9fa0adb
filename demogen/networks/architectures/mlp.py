"""Fully connected networks (Novak et al. 2018)."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from demogen.networks.architectures import initialization
from demogen.networks.architectures.hidden_taps import hidden_taps
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import MLP


class HardSigmoid(nn.Module):
    """min(max(x + 1/2, 0), 1), the paper's; torch's own Hardsigmoid has slope 1/6."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise, any shape."""
        return (x + 0.5).clamp(0, 1)


_ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardtanh": nn.Hardtanh,
    "hardsigmoid": HardSigmoid,
    "tanh": nn.Tanh,
}
_GAIN_TWO = (nn.ReLU, nn.ReLU6, HardSigmoid)


def construct(spec: MLP, shape: tuple[int, int, int], classes: int) -> TappedModule:
    """`depth` dense layers, an activation after each but the last.

    A tap is the output of a hidden layer before its activation; unit ablation acts on the last
    hidden layer after its activation.
    """
    features = shape[0] * shape[1] * shape[2]
    stages: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    hidden = []
    bias = spec.bias == "all"
    for index in range(1, spec.depth):
        stages[f"layer{index}"] = nn.Linear(features, spec.width, bias=bias)
        stages[f"activation{index}"] = _ACTIVATIONS[spec.activation]()
        hidden.append(f"layer{index}")
        features = spec.width
    stages["classifier"] = nn.Linear(features, classes, bias=bias)
    return TappedModule(stages, hidden_taps(hidden), units=f"activation{spec.depth - 1}")


def initialize(module: TappedModule, generator: torch.Generator, spec: MLP) -> None:
    """Normal, variance 2/n for ReLU, ReLU6 and HardSigmoid, 1/n for Tanh and HardTanh."""
    del spec
    gain = 2.0 if any(isinstance(layer, _GAIN_TWO) for layer in module.modules()) else 1.0
    initialization.initialize(module, generator, initialization.fan_in_normal(gain))
