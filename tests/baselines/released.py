"""Networks and images of the reference values that the authors' programs gave."""

import json

import numpy as np
import pytest
import torch

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
