"""What all benches share: real images, networks trained on them for a while, times taken in turn.

Images are read from the folder in DEMOGEN_IMAGES; benches on CIFAR-10 are skipped without it.
"""

import statistics
import time

import pytest
import torch

import tests.hub.fixtures  # noqa: F401 - sets what the Hub's clients read at import
from demogen import Network, load_images
from demogen.errors import DemogenError
from demogen.networks import architectures
from demogen.parallel import cores
from demogen.schema.records import Data, NetworkSpec, NiN, Training
from demogen.zoo.weights import from_bytes, load_into
from zoo_recipes import train_network


@pytest.fixture(autouse=True)
def all_cores():
    threads = torch.get_num_threads()
    torch.set_num_threads(cores())
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def cifar10():
    try:
        return load_images("cifar10")
    except DemogenError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def network(cifar10):
    """NiN-192 with batch norm after eight epochs on 512 CIFAR-10 images."""
    spec = NetworkSpec(
        architecture=NiN(family="nin", width=192, batch_norm=True),
        data=Data(images="cifar10", train_size=512),
        training=Training(batch_size=64, epochs=8),
    )
    return trained(spec, cifar10)


def trained(spec, images):
    module = architectures.skeleton(spec)
    weights = from_bytes(train_network(spec, images).weights, "trained")
    load_into(module, weights, "trained")
    part = images.training_part(spec.data)
    x = images.standardize(part.images, "image")
    return Network.of(module, x, part.labels, test_inputs=x, spec=spec)


@pytest.fixture
def train(network):
    """The images (512, 3, 32, 32) and labels that `network` was trained on."""
    return network.train.images, network.train.labels


@pytest.fixture
def ratio(benchmark, capsys):
    """Time two things alternately; print and return the ratio of their median times.

    A slow or busy machine slows both. What was measured stands in the benchmark's `extra_info`.
    """

    def compare(title, work, against, rounds=7):
        work()
        against()
        times = {work: [], against: []}
        for _ in range(rounds):
            for timed in (work, against):
                start = time.perf_counter()
                timed()
                times[timed].append(time.perf_counter() - start)
        found = statistics.median(times[work]) / statistics.median(times[against])
        benchmark.extra_info["ratio"] = round(found, 3)
        benchmark.pedantic(work, rounds=1)
        with capsys.disabled():
            print(f"\n{title}: {found:.2f}")
        return found

    return compare
