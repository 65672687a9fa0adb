"""Importing against reading and hashing the same bytes, and weight statistics without networks.

The zoo of 200 is made of the authors' own checkpoints, or, where those are not at hand, of written
ones of the same sizes.
"""

import hashlib
import os
import resource
import shutil
import time
from itertools import pairwise

import numpy as np
import pytest

from baselines.functional.weight_statistics import table_of_rows
from baselines.weight_statistics import WEIGHT_STATISTICS, weight_statistics
from demogen.measuring.measurements import compute_signature
from tests.zoo_recipes.importing import writers
from tests.zoo_recipes.importing.foreign import FOLDER, at_hand
from zoo_recipes.importing import import_demogen, import_smallcnn

NETWORKS = 200
MOST_BYTES = 2 << 30

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """200 networks, half NiN and half ResNet-32; the same bytes under other names."""
    place = tmp_path_factory.mktemp("demogen") / "archive"
    kinds = {
        "NIN_CIFAR10": "nin_wide_1.0x_bn_dropout_0.2_aug_decay_0.001_{}",
        "RESNET_CIFAR10": "resnet_wide_1.0x_batchnorm__decay_0.02_lr_0.001_{}",
    }
    for collection, form in kinds.items():
        (sample,) = (FOLDER / "demogen/demogen_models" / collection).iterdir()
        for number in range(1, NETWORKS // 2 + 1):
            shutil.copytree(sample, place / collection / form.format(number))
    return place


def read_and_hash(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            hashlib.sha256(path.read_bytes()).digest()


@at_hand
def test_an_import_against_reading_and_hashing(archive, tmp_path, ratio, benchmark):
    numbers = iter(range(1000))

    def importing():
        folder = tmp_path / str(next(numbers))
        found = import_demogen(archive, folder=folder)
        assert sum(len(zoo.zoo) for zoo in found) == NETWORKS
        shutil.rmtree(folder)

    started = os.times()
    importing()
    ended = os.times()
    benchmark.extra_info["cpu_seconds"] = ended.user + ended.system - started.user - started.system
    ratio("import / reading and hashing", importing, lambda: read_and_hash(archive), rounds=3)


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
