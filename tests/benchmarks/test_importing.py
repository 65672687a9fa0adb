"""Importing against reading and hashing the same bytes, and weight statistics without networks.

The zoos of 200 are made of the authors' own checkpoints, the same bytes under other names.
"""

import hashlib
import os
import resource
import shutil
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch

from baselines.functional.weight_statistics import table_of_rows
from baselines.weight_statistics import WEIGHT_STATISTICS, weight_statistics
from demogen.measuring.measurements import compute_signature
from demogen.networks.golden_logits import probe_logits
from demogen.zoo.weights import to_bytes
from tests.zoo_recipes.importing import writers
from tests.zoo_recipes.importing.foreign import FOLDER, at_hand
from zoo_recipes.importing import import_demogen, import_smallcnn
from zoo_recipes.importing.formats.crc32c import crc32c

NETWORKS = 200
ROUNDS = 3
MOST_BYTES = 2 << 30
KINDS = {
    "NIN_CIFAR10": "nin_wide_1.0x_bn_dropout_0.2_aug_decay_0.001_{}",
    "RESNET_CIFAR10": "resnet_wide_1.0x_batchnorm__decay_0.02_lr_0.001_{}",
}

pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class Taken:
    """Milliseconds a network: of the clock on the wall, and of all processors together."""

    wall: float
    processors: float

    def __truediv__(self, other):
        return Taken(self.wall / other.wall, self.processors / other.processors)

    def __add__(self, other):
        return Taken(self.wall + other.wall, self.processors + other.processors)

    def __str__(self):
        return f"{self.wall:8.2f} {self.processors:12.2f}"


def taken(work):
    started, before = time.perf_counter(), os.times()
    work()
    wall, after = time.perf_counter() - started, os.times()
    processors = after.user + after.system - before.user - before.system
    return Taken(wall * 1000 / NETWORKS, processors * 1000 / NETWORKS)


def least(times):
    """A machine that does other work as well makes times longer, never shorter."""
    return Taken(min(one.wall for one in times), min(one.processors for one in times))


def read_and_hash(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            hashlib.sha256(path.read_bytes()).digest()


def remove(place):
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)


@at_hand
@pytest.mark.parametrize("collections", [list(KINDS), ["NIN_CIFAR10"]], ids=["mixed", "nin"])
def test_an_import_against_reading_and_hashing(collections, tmp_path, benchmark, capsys):
    """What an import cannot do without is shown alone as well, each in one thread."""
    archive, zoos = tmp_path / "archive", tmp_path / "zoos"
    for collection in collections:
        (sample,) = (FOLDER / "demogen/demogen_models" / collection).iterdir()
        for number in range(1, NETWORKS // len(collections) + 1):
            shutil.copytree(sample, archive / collection / KINDS[collection].format(number))
    size = sum(path.stat().st_size for path in archive.rglob("*") if path.is_file())

    def importing():
        found = import_demogen(archive, folder=zoos, measure=False)
        assert sum(len(one.zoo) for one in found) == NETWORKS
        return [one.zoo for one in found]

    networks = [zoo[zoo.ids[0]] for zoo in importing()]
    assert len(networks) == len(collections)

    files = [to_bytes(network.module.state_dict()) for network in networks]
    times = NETWORKS // len(networks)

    def passing():
        for network in networks * times:
            probe_logits(network.module, network.spec.data.input_shape)

    def hashing():
        for file in files * times:
            hashlib.sha256(file).digest()
            hashlib.sha256(file).digest()

    def checking():
        for file in files * times:
            crc32c(file)

    def writing():
        for name in ("kept", "shard"):
            with (tmp_path / name).open("wb") as written:
                written.writelines(files * times)

    works = {
        "reading and hashing": lambda: read_and_hash(archive),
        "forward passes of four inputs": passing,
        "hashing networks, in shards too": hashing,
        "checksums of variables": checking,
        "writing networks, kept and packed": writing,
        "import": importing,
    }
    torch.set_num_threads(1)
    taken_by = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            for left in (zoos, tmp_path / "kept", tmp_path / "shard"):
                remove(left)
            taken_by[name].append(taken(work))
    found = {name: least(many) for name, many in taken_by.items()}
    floor, *parts, whole = found.values()
    found["import / reading and hashing"] = whole / floor
    found["import / all these"] = whole / sum(parts, floor)
    benchmark.extra_info |= {name: (one.wall, one.processors) for name, one in found.items()}
    benchmark.pedantic(works["reading and hashing"], rounds=1)
    with capsys.disabled():
        print(f"\n{NETWORKS} networks of {size / NETWORKS / 1e6:.1f} MB, {os.cpu_count()} cores")
        print(f"{'milliseconds a network':34}     wall   processors")
        for name, one in found.items():
            print(f"{name:34} {one}")


def test_statistics_of_270000_rows(tmp_path, benchmark, capsys):
    """Memory, and rows a second against one module at a time, in one run."""
    files = writers.smallcnn_files(rows=40)
    archive = writers.as_folder(files, tmp_path / "archive")
    (zoo,) = import_smallcnn(archive, step=None, folder=tmp_path / "zoos")
    ids = zoo.zoo.ids
    started = time.perf_counter()
    for id in ids:
        compute_signature(WEIGHT_STATISTICS.measure, zoo.zoo[id])
    alone = len(ids) / (time.perf_counter() - started)
    started = time.perf_counter()
    weight_statistics(zoo.zoo)
    together = len(ids) / (time.perf_counter() - started)
    rows, columns = 270_000, 4_970
    path = tmp_path / "weights.npy"
    block = np.random.default_rng(0).standard_normal((1000, columns)).astype(np.float32)
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(rows // 1000):
            file.write(block.data)
    matrix = np.load(path, mmap_mode="r")
    edges = (0, 16, 160, 176, 2480, 2496, 4800, 4810, 4970)
    places = {f"v{n}": pair for n, pair in enumerate(pairwise(edges))}
    started = time.perf_counter()
    benchmark.pedantic(lambda: table_of_rows(matrix, places), rounds=1)
    bulk = rows / (time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with capsys.disabled():
        print(
            f"\nnetworks a second: {alone:.0f} one module at a time, {together:.0f} of a zoo "
            f"together, {bulk:.0f} rows ({bulk / alone:.0f} times); peak {peak / 1e9:.2f} GB"
        )
    benchmark.extra_info |= {"times": bulk / alone, "peak_bytes": peak}
    assert peak < MOST_BYTES
