"""Real digits and a NiN with initial weights made anew, on one thread."""

import pytest
import torch

from demogen import Network, architectures, load_images
from demogen.schema import Data, NetworkSpec, NiN, Training


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def spec():
    return NetworkSpec(
        architecture=NiN(family="nin", width=48, batch_norm=True),
        data=Data(images="digits"),
        training=Training(optimizer="adam", learning_rate=0.005, batch_size=100, epochs=3),
    )


@pytest.fixture(scope="session")
def network(spec):
    """Trained for three epochs: the ratios hold for trained networks on real images."""
    from demogen import checkpoints
    from zoo_recipes import train_network

    digits = load_images("digits")
    module = architectures.skeleton(spec)
    weights = checkpoints.from_bytes(train_network(spec, digits).weights, "trained")
    checkpoints.load_into(module, weights, "trained")
    part = digits.training_part(spec.data)
    images = digits.standardize(part.images, "image")
    return Network.of(module, images, part.labels, test_inputs=images)
