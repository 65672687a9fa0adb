"""The network of the authors' class in other people's files, and what their code makes of it."""

import functools
import math
from collections import OrderedDict

import numpy as np
import torch
from torch import nn

from demogen.networks.network import Network
from tests.zoo_recipes.importing.foreign import FOLDER

M = 500
"""Training images."""


@functools.cache
def stored():
    with np.load(FOLDER / "dziugaite2020-network.npz") as arrays:
        return dict(arrays)


def network(**parts):
    images, labels = (torch.from_numpy(stored()[key]) for key in ("images", "labels"))
    module, initial = _module("net."), _module("init.")
    return Network.of(module, images, labels, initial=initial, id="dziugaite2020", **parts)


def value(name):
    return float(stored()[f"value.{name}"])


def adjusted(name, measure):
    """As their code adjusts for the number of training images."""
    if name.startswith("LOG_"):
        return (measure - math.log(M)) / 2
    return math.sqrt(measure / M)


def _module(prefix):
    layers, inputs = OrderedDict(), 1
    for block in ("0", "1"):
        for index in ("1", "2", "3"):
            size = {"kernel_size": 3, "stride": 2, "padding": 1}
            size = size if index == "1" else {"kernel_size": 1}
            layers[f"blocks_{block}_conv{index}"] = nn.Conv2d(inputs, 12, **size)
            layers[f"blocks_{block}_bn{index}"] = nn.BatchNorm2d(12)
            layers[f"blocks_{block}_relu{index}"] = nn.ReLU()
            inputs = 12
    layers |= {"conv": nn.Conv2d(12, 10, 1), "bn": nn.BatchNorm2d(10), "relu": nn.ReLU()}
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    module = nn.Sequential(layers).eval()
    state = {
        _key(key.removeprefix(prefix)): torch.from_numpy(array)
        for key, array in stored().items()
        if key.startswith(prefix)
    }
    module.load_state_dict(state)
    return module


def _key(key):
    """blocks_0_conv1.weight for blocks.0.conv1.weight."""
    *layer, tensor = key.split(".")
    return f"{'_'.join(layer)}.{tensor}"
