"""Measuring NiN-384 stays under 1.5 GB beyond the images, however many there are.

All measures together are run on 512 and on 1,024 images, those that cost a few passes on 50,000.
"""

import subprocess
import sys

import pytest

import baselines
from demogen.errors import DemogenError
from demogen.images.image_set import load_images

LIMIT = 1.5e9
GROWTH = 0.1e9
"""What twice as many images may add: a few numbers for each of them."""
FEW_PASSES = ("tap-margins", "normalized-loss", "unit-sparsity")

SCRIPT = """
import sys

import torch

from demogen import Network, architectures, get_predictor, load_images
from demogen.measuring import measure_together
from demogen.schema.records import Data, NetworkSpec, NiN, Training

count, names = int(sys.argv[1]), sys.argv[2:]
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


def peak(count, *names):
    command = [sys.executable, "-c", SCRIPT, str(count), *names]
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
    found = {count: peak(count, *MEASURES.values()) for count in (512, 1024)}
    with capsys.disabled():
        for count, beyond in found.items():
            print(f"\nall measures: {beyond / 1e9:.2f} GB beyond {count:,} images")
    assert found[1024] < LIMIT
    assert found[1024] - found[512] < GROWTH


@pytest.mark.parametrize("name", [MEASURES[measure] for measure in FEW_PASSES])
def test_memory_on_50_000_images(name, capsys):
    found = peak(50_000, name)
    with capsys.disabled():
        print(f"\n{name}: {found / 1e9:.2f} GB beyond 50,000 images")
    assert found < LIMIT
