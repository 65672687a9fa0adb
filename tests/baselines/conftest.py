"""Small networks on images of 1x8x8, and labels with which they are sometimes right."""

import functools
import itertools
from collections import OrderedDict

import pytest
import torch
from torch import nn

from demogen.networks.architectures import build
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import (
    MLP,
    VGG,
    ConvNet,
    Data,
    Layers,
    MobileNet,
    NetworkSpec,
    NiN,
    ResNet,
    Training,
)

ARCHITECTURES = {
    "nin": NiN(family="nin", width=6),
    "nin-bn": NiN(family="nin", width=5, batch_norm=True, dropout=0.5),
    "convnet": ConvNet(
        family="convnet", channels=(4, 5), kernel=3, stride=2, padding=1, bias="all"
    ),
    "convnet-bn": ConvNet(family="convnet", channels=(4, 3), kernel=3, batch_norm=True),
    "mlp": MLP(family="mlp", width=7, depth=2),
    "mlp-deep": MLP(family="mlp", width=9, depth=5, bias="all"),
    "mlp-tanh": MLP(family="mlp", width=8, depth=3, activation="tanh"),
    "mobilenet": MobileNet(family="mobilenet", width=2),
    "resnet-bn": ResNet(family="resnet", depth=8, width=3),
    "resnet-gn": ResNet(family="resnet", depth=8, width=4, norm="group"),
    "resnet34": ResNet(family="resnet", depth=34, width=2),
    "nin-released": NiN(family="nin", width=5, batch_norm=True, same_padding="tensorflow"),
    "layers": Layers.model_validate(
        {
            "family": "layers",
            "input_shape": (1, 8, 8),
            "layers": [
                {"kind": "conv", "out": 4, "kernel": (3, 2), "stride": 2, "padding": "same"},
                {"kind": "batch_norm", "eps": 1e-3},
                {"kind": "activation", "function": "relu"},
                {"kind": "dropout", "rate": 0.5},
                {"kind": "conv", "out": 6, "kernel": 2, "groups": 2, "padding": (1, 0, 0, 2)},
                {"kind": "activation", "function": "relu"},
                {"kind": "max_pool", "kernel": 3, "stride": 2, "padding": "same"},
                {"kind": "avg_pool", "kernel": 2, "stride": 2, "padding": "same"},
                {"kind": "flatten", "order": "hwc"},
                {"kind": "dense", "out": 9},
                {"kind": "activation", "function": "relu"},
                {"kind": "dense", "out": 10},
            ],
        }
    ),
    "vgg-bn": VGG(family="vgg", width=2, dense=8, batch_norm=True, dropout=0.5),
}


class Residual(nn.Module):
    """x + W₂ ReLU(group norm(W₁ x)), as in a pre-activation block."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(2, channels)
        self.second = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x + self.second(self.norm(self.first(x)).relu())


def residual():
    """A network of one's own that is no chain of layers."""
    stages = OrderedDict(
        stem=nn.Conv2d(1, 6, 3, stride=2, padding=1),
        block1=Residual(6),
        block2=Residual(6),
        end=nn.Sequential(nn.GroupNorm(3, 6), nn.ReLU()),
        classifier=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10)),
    )
    return TappedModule(stages, {"h1": "stem", "h2": "block1", "h3": "block2"}, units="end")


def pooled():
    """A network of one's own with maximum and average pooling, grouped and dilated convolutions."""
    stages = OrderedDict(
        block1=nn.Sequential(nn.Conv2d(1, 4, 3, padding="same"), nn.BatchNorm2d(4), nn.ReLU()),
        pool1=nn.MaxPool2d(2),
        block2=nn.Sequential(nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2), nn.ReLU()),
        pool2=nn.AvgPool2d(2),
        block3=nn.Conv2d(6, 5, (1, 2), bias=False),
        relu=nn.ReLU(),
        classifier=nn.Sequential(nn.Flatten(), nn.Linear(10, 10)),
    )
    return TappedModule(stages, {"h1": "block1", "h2": "block2", "h3": "block3"}, units="relu")


OWN = {"own-residual": residual, "own-pooled": pooled}


def spec_of(name: str, **training) -> NetworkSpec:
    return NetworkSpec(
        architecture=ARCHITECTURES.get(name, ARCHITECTURES["nin"]),
        data=Data(images="digits"),
        training=Training(**training),
        seed=3,
    )


def new_network(name, dtype=torch.float64, samples=60, batch_size=17, test_samples=25):
    generator = torch.Generator().manual_seed(11)
    images = torch.randn(samples, 1, 8, 8, generator=generator, dtype=dtype)
    module, initial = (_freshly_initialized(name).to(dtype) for _ in range(2))
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=dtype)
            parameter.add_(0.3 * noise if key.endswith("bias") else 0.1 * noise)
        _as_if_training(module, images)
        _even_out(module.eval(), images)
        logits = module(images)
    # The second best class for every third sample, so that some margins are negative.
    ranks = logits.argsort(dim=1, descending=True)
    labels = torch.where(torch.arange(samples) % 3 == 0, ranks[:, 1], ranks[:, 0])
    test_inputs = torch.randn(test_samples, 1, 8, 8, generator=generator, dtype=dtype)
    return Network.of(
        module,
        images,
        labels,
        initial=initial,
        test_inputs=test_inputs,
        spec=spec_of(name),
        siblings=[initial],
        batch_size=batch_size,
    )


def _freshly_initialized(name):
    if name not in OWN:
        return build(spec_of(name))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return OWN[name]()


def _as_if_training(module, images):
    # Moves running statistics of batch norm; dropout would draw from the global random state.
    norms = [
        layer.train() for layer in module.eval().modules() if isinstance(layer, nn.BatchNorm2d)
    ]
    for _ in range(20 if norms else 0):
        module(images)


def _even_out(module, images):
    # A deep network would otherwise give all images the class with the largest bias.
    last = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)][-1]
    if last.bias is not None:
        last.bias -= module(images).mean(dim=0)


@pytest.fixture
def make_network():
    """(architecture, dtype, samples, …) → Network with running statistics and biases."""
    return new_network


@functools.cache
def shared_network(name):
    """A small float64 network of one kind: two batches of images, correct and wrong samples.

    All tests get the same: one that would change it makes its own with `make_network`.
    """
    return new_network(name, samples=24, test_samples=8)


# Of many layers: what a test does with them takes a second.
LONG = ("mobilenet", "resnet34")
SHORT = (*sorted(ARCHITECTURES.keys() - set(LONG)), *sorted(OWN))


@pytest.fixture(params=SHORT)
def network(request):
    """The shared network of each kind in turn but the long ones."""
    return shared_network(request.param)


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
