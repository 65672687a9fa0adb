"""Small networks on images of 1x8x8, and labels with which they are sometimes right."""

import itertools
from collections import OrderedDict

import pytest
import torch
from torch import nn

from demogen.architectures import build
from demogen.network import Network
from demogen.schema import MLP, ConvNet, Data, NetworkSpec, NiN, Training
from demogen.tapped import TappedModule

ARCHITECTURES = {
    "nin": NiN(family="nin", width=6),
    "nin-bn": NiN(family="nin", width=5, batch_norm=True, dropout=0.5),
    "convnet": ConvNet(
        family="convnet", channels=(4, 5), kernel=3, stride=2, padding=1, bias="all"
    ),
    "convnet-bn": ConvNet(family="convnet", channels=(4, 3), kernel=3, batch_norm=True),
    "mlp": MLP(family="mlp", width=7, depth=2),
    "mlp-deep": MLP(family="mlp", width=9, depth=5, bias="all"),
}


def spec_of(name: str, **training) -> NetworkSpec:
    return NetworkSpec(
        architecture=ARCHITECTURES[name],
        data=Data(images="digits"),
        training=Training(**training),
        seed=3,
    )


def _network(name, dtype=torch.float64, samples=60, batch_size=17):
    generator = torch.Generator().manual_seed(11)
    images = torch.randn(samples, 1, 8, 8, generator=generator, dtype=dtype)
    module = build(spec_of(name)).to(dtype)
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=dtype)
            parameter.add_(0.3 * noise if key.endswith("bias") else 0.1 * noise)
        if ARCHITECTURES[name].model_dump().get("batch_norm"):
            for _ in range(20):
                _as_if_training(module, images)
        logits = module.eval()(images)
    # The second best class for every third sample, so that some margins are negative.
    ranks = logits.argsort(dim=1, descending=True)
    labels = torch.where(torch.arange(samples) % 3 == 0, ranks[:, 1], ranks[:, 0])
    test_inputs = torch.randn(25, 1, 8, 8, generator=generator, dtype=dtype)
    return Network.of(
        module, images, labels, test_inputs=test_inputs, spec=spec_of(name), batch_size=batch_size
    )


def _as_if_training(module, images):
    # Moves running statistics of batch norm; dropout would draw from the global random state.
    for layer in module.modules():
        layer.train(isinstance(layer, nn.BatchNorm2d))
    module(images)


@pytest.fixture
def make_network():
    """(architecture, dtype, samples, batch_size) → Network with running statistics and biases."""
    return _network


@pytest.fixture(params=sorted(ARCHITECTURES))
def network(request):
    """One small float64 network of each kind in turn."""
    return _network(request.param)


@pytest.fixture
def make_chain():
    """(input width, widths…) → ReLU chain with one tap a hidden layer, the last as units."""

    def make(*widths, dtype=torch.float64, bias=True):
        generator = torch.Generator().manual_seed(5)
        stages, taps = OrderedDict(), {}
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths), start=1):
            layer = nn.Linear(inputs, outputs, bias=bias, dtype=dtype)
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter.normal_(0, 1, generator=generator)
            stages[f"layer{index}"] = layer
            if index < len(widths) - 1:
                taps[f"h{index}"] = f"layer{index}"
                stages[f"relu{index}"] = nn.ReLU()
        return TappedModule(stages, taps, units=f"relu{len(widths) - 2}").eval()

    return make
