"""Measuring NiN-384 stays under 1.5 GB beyond the images, however many there are.

All measures together are run on 1,024 images, those that cost a few passes on 50,000. That memory
does not grow is seen of a NiN-96, with 2,048 and 8,192 images: samples have their full size there.
"""

import subprocess
import sys

import pytest

import baselines
from demogen.errors import DemogenError
from demogen.images.image_set import load_images

LIMIT = 1.5e9
GROWTH = 0.25e9
"""What four times the images may add. The state of the heap makes 0.2 GB; one activation at the
first tap, kept of each image, would make 0.6."""
FEW_PASSES = ("tap-margins", "normalized-loss", "unit-sparsity")

SCRIPT = """
import sys

import torch

from demogen import Network, architectures, get_predictor, load_images
from demogen.measuring import measure_together
from demogen.schema.records import Data, NetworkSpec, NiN, Training

count, width, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
data = Data(images="cifar10", train_size=count)
architecture = NiN(family="nin", width=width, batch_norm=True)
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
    module,
    images,
    part.labels,
    initial=initial,
    test_inputs=images,
    spec=spec,
    siblings=[initial],
)


def gigabytes(key):
    line = next(line for line in open("/proc/self/status") if line.startswith(key))
    return int(line.split()[1]) * 1024 / 1e9


open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before = gigabytes("VmRSS")
outcomes = measure_together({name: get_predictor(name).measure for name in names}, network)
print(gigabytes("VmHWM") - before)
reasons = [outcome.reason for outcome in outcomes.values() if outcome.reason]
assert not reasons, reasons
"""


def peak(count, width, *names):
    command = [sys.executable, "-c", SCRIPT, str(count), str(width), *names]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
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


def test_memory_of_all_measures_together(capsys):
    found = peak(1024, 384, *MEASURES.values())
    with capsys.disabled():
        print(f"\nall measures: {found / 1e9:.2f} GB beyond 1,024 images")
    assert found < LIMIT


def test_memory_does_not_grow_with_the_images(capsys):
    found = {count: peak(count, 96, *MEASURES.values()) for count in (2048, 8192)}
    with capsys.disabled():
        for count, beyond in found.items():
            print(f"\nall measures, NiN-96: {beyond / 1e9:.2f} GB beyond {count:,} images")
    assert found[8192] - found[2048] < GROWTH


@pytest.mark.parametrize("name", [MEASURES[measure] for measure in FEW_PASSES])
def test_memory_on_50_000_images(name, capsys):
    found = peak(50_000, 384, name)
    with capsys.disabled():
        print(f"\n{name}: {found / 1e9:.2f} GB beyond 50,000 images")
    assert found < LIMIT
