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

FURTHER = {
    "L2_DIST": 0.23608755,
    "LOG_PROD_OF_SPEC_OVER_MARGIN": 3.00957017,
    "LOG_SPEC_ORIG_MAIN": 4.75143628,
    "LOG_SUM_OF_SPEC_OVER_MARGIN": -1.26050980,
    "LOG_SUM_OF_SPEC": -1.00700302,
    "LOG_PROD_OF_FRO": 10.11505561,
    "LOG_PROD_OF_FRO_OVER_MARGIN": 8.34050708,
    "LOG_SUM_OF_FRO_OVER_MARGIN": -0.49894733,
    "FRO_DIST": 1.24632458,
    "DIST_SPEC_INIT": 0.58281363,
    "PARAM_NORM": 1.33853498,
    "PATH_NORM_OVER_MARGIN": 2.37444905,
}
"""What the file does not hold, by their code at 8e90129 run on the network (torch 2, CPU)."""

BY_FOURIER_TRANSFORM = {
    "LOG_PROD_OF_SPEC": 6.23175101,
    "LOG_PROD_OF_SPEC_OVER_MARGIN": 4.45720296,
    "FRO_OVER_SPEC": 0.22241230,
    "LOG_SUM_OF_SPEC_OVER_MARGIN": -1.05370517,
    "LOG_SUM_OF_SPEC": -0.80019827,
    "DIST_SPEC_INIT": 0.60584499,
    "LOG_SPEC_INIT_MAIN": 5.87175803,
    "LOG_SPEC_ORIG_MAIN": 6.06128459,
}
"""Of the same run, the measures whose names there end in _FFT."""

SEARCHED = {
    "PACBAYES_INIT": (2.5448, 0.0419),
    "PACBAYES_ORIG": (2.7321, 0.0450),
    "PACBAYES_FLATNESS": (0.18213, 0.00301),
    "PACBAYES_MAG_INIT": (2.5445, 0.0182),
    "PACBAYES_MAG_ORIG": (2.5738, 0.0180),
    "PACBAYES_MAG_FLATNESS": (0.17041, 0.00819),
}
"""Mean and standard deviation over seeds 0 to 5 of their search, by the same code."""


@functools.cache
def stored():
    with np.load(FOLDER / "dziugaite2020-network.npz") as arrays:
        return dict(arrays)


def network(**parts):
    images, labels = (torch.from_numpy(stored()[key]) for key in ("images", "labels"))
    module, initial = _module("net."), _module("init.")
    return Network.of(module, images, labels, initial=initial, id="dziugaite2020", **parts)


def value(name):
    return FURTHER[name] if name in FURTHER else float(stored()[f"value.{name}"])


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
