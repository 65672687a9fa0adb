"""Measuring NiN-384 on 50,000 images stays under 2 GB beyond the images.

Every measure is run on 1,024 of them (four batches), those that cost a few passes on all.
"""

import subprocess
import sys

import pytest

import baselines
from demogen.errors import DemogenError
from demogen.images.image_set import load_images

LIMIT = 2e9
FEW_PASSES = ("tap-margins", "normalized-loss", "unit-sparsity")

SCRIPT = """
import sys

import torch

from demogen import Network, architectures, get_predictor, load_images, measure
from demogen.schema.records import Data, NetworkSpec, NiN, Training

name, count = sys.argv[1], int(sys.argv[2])
data = Data(images="cifar10", train_size=count)
architecture = NiN(family="nin", width=384, batch_norm=True)
spec = NetworkSpec(architecture=architecture, data=data, training=Training())
cifar10 = load_images("cifar10")
part = cifar10.training_part(data)
images = cifar10.standardize(part.images, "image")
module, initial = architectures.build(spec), architectures.build(spec)
with torch.no_grad():
    module.train()(images[:1024])
    for weight in module.parameters():
        weight.mul_(1.01)
network = Network.of(
    module, images, part.labels, initial=initial, test_inputs=images, spec=spec, id=name
)


def gigabytes(key):
    line = next(line for line in open("/proc/self/status") if line.startswith(key))
    return int(line.split()[1]) * 1024 / 1e9


open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before = gigabytes("VmRSS")
measure(get_predictor(name), network)
print(gigabytes("VmHWM") - before)
"""


def peak(name, count):
    command = [sys.executable, "-c", SCRIPT, name, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout) * 1e9


@pytest.fixture(scope="module", autouse=True)
def cifar10():
    if not sys.platform.startswith("linux"):
        pytest.skip("peak memory is read from /proc")
    try:
        load_images("cifar10")
    except DemogenError as error:
        pytest.skip(str(error))


MEASURES = {predictor.measure.name: predictor.name for predictor in baselines.ALL}


@pytest.mark.parametrize("name", MEASURES.values())
def test_memory_on_some(name, capsys):
    found = peak(name, 1024)
    with capsys.disabled():
        print(f"\n{name}: {found / 1e9:.2f} GB beyond 1,024 images")
    assert found < LIMIT


@pytest.mark.parametrize("name", [MEASURES[measure] for measure in FEW_PASSES])
def test_memory_on_all(name, capsys):
    found = peak(name, 50_000)
    with capsys.disabled():
        print(f"\n{name}: {found / 1e9:.2f} GB beyond 50,000 images")
    assert found < LIMIT
