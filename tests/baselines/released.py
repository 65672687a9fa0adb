"""Networks and images of the reference values that the authors' programs gave."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule
from tests.zoo_recipes.importing.foreign import FOLDER

VALUES = FOLDER / "references"
at_hand = pytest.mark.skipif(
    not VALUES.is_dir(),
    reason="values by the authors' programs are not at hand: set DEMOGEN_FOREIGN",
)
MADE = {"model_0": "cifar10", "model_1": "mnist", "model_4": "cifar10", "model_5": "cifar10"}
"""Networks that the competition's code built, and the images they were measured on."""


def keras_network(place):
    """A network of a folder as the competition has them."""
    pytest.importorskip("h5py")
    from demogen.networks.architectures.layers import construct
    from zoo_recipes.importing import keras_layers
    from zoo_recipes.importing.formats.keras_hdf5 import read_weights

    config = json.loads((FOLDER / place / "config.json").read_text())
    network = keras_layers.network(config)
    module = construct(network.architecture, network.image_shape, network.architecture.classes)
    stored = read_weights((FOLDER / place / "weights.hdf5").read_bytes(), 2**30)
    state = keras_layers.weights(network.architecture, stored)
    missing = module.load_state_dict(state, strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)
    return module.eval().requires_grad_(False)


def images_of(name):
    """The 500 images and their labels."""
    stored = np.load(VALUES / f"data_{name}_500.npz")
    images = torch.from_numpy(stored["images_u8"]).permute(0, 3, 1, 2)
    return images.float().div(255).contiguous(), torch.from_numpy(stored["labels"]).long()


def toy_images():
    """The 200 vectors of the starting kit and their labels."""
    stored = np.load(FOLDER / "pgdl_toy/logits.npz")
    return torch.from_numpy(stored["train_x"]), torch.from_numpy(stored["train_y"]).long()


def value(file, network, name):
    """What the authors' program gave."""
    return json.loads((VALUES / file).read_text())[network][name]


def tensorflow_shuffle(rows, count, seeds, buffer=5000):
    """The first `count` of `Dataset.repeat().shuffle(buffer)` over so many rows, in TensorFlow 2.

    Seeds are the global one and the operation's; from them come those of the first iteration.
    """
    parent = _philox(*seeds)
    draws = _philox(next(parent), next(parent))
    waiting = [index % rows for index in range(buffer)]
    shuffled = []
    for start in range(count):
        first, chosen = start % buffer, (start + next(draws) % buffer) % buffer
        shuffled.append(waiting[chosen])
        waiting[chosen] = waiting[first]
        waiting[first] = (buffer + start) % rows
    return torch.tensor(shuffled)


def _philox(seed, second):
    """Numbers of 32 bits by Philox 4x32-10 (Salmon et al. 2011)."""
    word = 2**32
    counter = 0
    while True:
        a, b, c, d = counter % word, counter // word, second, 0
        first, other = seed, 0
        for _ in range(10):
            high, low = divmod(0xD2511F53 * a, word)
            high2, low2 = divmod(0xCD9E8D57 * c, word)
            a, b, c, d = high2 ^ b ^ first, low2, high ^ d ^ other, low
            first, other = (first + 0x9E3779B9) % word, (other + 0xBB67AE85) % word
        yield from (a, b, c, d)
        counter += 1


def untrained():
    """A chain with 600 images of ten classes, of which all can be measured as released."""
    generator = torch.Generator().manual_seed(0)
    stages = OrderedDict(
        conv1=nn.Conv2d(1, 4, 3),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(4, 4, 3),
        relu2=nn.ReLU(),
        classifier=nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 10)),
    )
    module = TappedModule(stages, {"h1": "conv1", "h2": "conv2", "h3": "conv2"}).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    labels = torch.arange(600) % 10
    images = torch.randn(600, 1, 8, 8, generator=generator, dtype=torch.float64)
    return Network.of(module, images + labels[:, None, None, None] / 10, labels, id="untrained")


def as_released_whatever_the_order(measure):
    """The signature, which is the same with the images in another order."""
    network = untrained()
    order = torch.randperm(600, generator=torch.Generator().manual_seed(1))
    train = network.train
    other = Network.of(network.module, train.images[order], train.labels[order], id=network.id)
    found = measure.compute(network)
    assert measure.compute(other) == pytest.approx(dict(found), rel=1e-9)
    return found
