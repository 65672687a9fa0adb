"""Specs and networks that the tests of architectures share."""

import torch
from torch import nn

from demogen.networks.architectures import build
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

SMALL = {
    "nin": NiN(family="nin", width=8, batch_norm=True, dropout=0.2),
    "convnet": ConvNet(family="convnet", channels=(4, 5), kernel=3, batch_norm=True),
    "mlp": MLP(family="mlp", width=7, depth=4, bias="all"),
    "resnet-bn": ResNet(family="resnet", depth=14, width=4),
    "resnet-gn": ResNet(family="resnet", depth=8, width=6, norm="group"),
    "resnet34": ResNet(family="resnet", depth=34, width=2),
    "vgg": VGG(family="vgg", width=2, dense=6, dropout=0.5),
    "vgg-bn": VGG(family="vgg", width=3, dense=5, batch_norm=True),
    "mobilenet": MobileNet(family="mobilenet", width=2),
    "nin-released": NiN(
        family="nin",
        width=8,
        batch_norm=True,
        dropout=0.2,
        dropout_is="kept",
        dropout_after="all",
        same_padding="tensorflow",
    ),
    # Its input and its last layer are those of the images (see `fitted`).
    "layers": Layers.model_validate(
        {
            "family": "layers",
            "input_shape": (1, 8, 8),
            "layers": [
                {"kind": "conv", "out": 10, "kernel": 3, "stride": 2, "padding": "same"},
                {"kind": "batch_norm", "eps": 1e-3},
                {"kind": "activation", "function": "relu"},
                {"kind": "conv", "out": 12, "kernel": (2, 3), "padding": "same", "bias": False},
                {"kind": "activation", "function": "relu"},
                {"kind": "max_pool", "kernel": 3, "stride": 2, "padding": "same"},
                {"kind": "conv", "out": 6, "kernel": 1},
                {"kind": "activation", "function": "relu"},
                {"kind": "global_avg_pool"},
                {"kind": "dropout", "rate": 0.5},
                {"kind": "dense", "out": 10},
            ],
        }
    ),
}


def spec_of(architecture, images="cifar10", seed=0, crop=None, **training):
    data = Data(images=images, center_crop=crop)
    return NetworkSpec(
        architecture=fitted(architecture, data),
        data=data,
        training=Training(**training),
        seed=seed,
    )


def fitted(architecture, data):
    """The architecture; of layers, for images of this shape and so many classes."""
    if not isinstance(architecture, Layers):
        return architecture
    *layers, last = architecture.layers
    layers.append(last.model_copy(update={"out": data.class_count}))
    return Layers(family="layers", input_shape=data.input_shape, layers=tuple(layers))


def as_if_trained(module, seed=0):
    """No bias is zero, no norm the identity: a part left out or misplaced would change logits."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.3, generator=generator)
                layer.running_var.uniform_(0.5, 2, generator=generator)
            if isinstance(layer, nn.BatchNorm2d | nn.GroupNorm):
                layer.weight.uniform_(0.5, 1.5, generator=generator)
            if getattr(layer, "bias", None) is not None:
                layer.bias.normal_(0, 0.3, generator=generator)
    return module.eval()


def small_network(name, images):
    return as_if_trained(build(spec_of(SMALL[name], images)))


def images_like(data, count=3, dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    return torch.randn(count, *data.input_shape, generator=generator, dtype=dtype)
