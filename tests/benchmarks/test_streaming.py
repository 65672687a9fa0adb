"""Reading a zoo of 2,000 networks of 250 kB from a Hub that takes 40 ms a request.

The Hub is a process of its own on this machine and shares its cores with the client. Bare requests
are made with the HTTP client that the Hub's own client uses.
"""

import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import huggingface_hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demogen import load_zoo
from demogen.format.integrity import file_digest
from demogen.format.table import ROWS
from demogen.hub.client import session
from demogen.hub.publishing import push
from demogen.schema.records import sha256
from demogen.zoo import weights
from tests.hub.running import serving
from tests.hub.state import WRITER
from tests.hub.wide_zoo import wide_zoo

NETWORKS = 2000
LATENCY = 0.04
NAME = "owner/wide"
SHARD_BYTES = 50_000_000
WRITTEN = {"compression": "zstd", "write_statistics": False, "row_group_size": ROWS}

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """A Hub with the zoo on it."""
    root = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights.write_shards, "__defaults__", (SHARD_BYTES,))
        folder = wide_zoo(root / "zoo", NETWORKS).storage.place
    with serving(root / "hub") as address:
        push(folder, NAME, endpoint=address, token=WRITER, progress=False)
    with serving(root / "hub", "--latency", str(LATENCY)) as address:
        yield address


@pytest.fixture
def zoo(endpoint, tmp_path, monkeypatch):
    """The zoo, with its table in hand and no shard in the cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    opened = load_zoo(NAME, endpoint=endpoint)
    _ = opened.table
    return opened


def bare(zoo, path, start=None, stop=None):
    """One GET, whose bytes are counted and thrown away."""
    url = huggingface_hub.hf_hub_url(
        NAME, path, repo_type="dataset", revision=zoo.revision, endpoint=zoo.storage.endpoint
    )
    headers = {} if start is None else {"Range": f"bytes={start}-{stop - 1}"}
    with session().stream("GET", url, headers=headers) as answer:
        return sum(map(len, answer.iter_raw()))


def ranged(zoo, id):
    place = zoo._table.record(id)[1]
    return bare(zoo, place.shard, place.offset, place.stop)


def sweep(zoo):
    assert sum(1 for _ in zoo.weights()) == NETWORKS


def checked(zoo, id):
    """One network to checked tensors, as the sweep gives them."""
    return sum(tensor.nbytes for _, read in zoo.weights([id]) for tensor in read.values())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("one", [checked, ranged])
def test_sweep_against_one_request_a_network(ratio, zoo, one):
    def one_by_one():
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda id: one(zoo, id), zoo.ids)) > NETWORKS * 240_000

    name = {checked: "to checked tensors", ranged: "to bytes thrown away"}[one]
    ratio(
        f"one request a network with 8 threads {name} / sweeping to checked tensors (at least 8)",
        one_by_one,
        lambda: sweep(zoo),
        rounds=3,
    )


@pytest.mark.timeout(900)
def test_sweep_against_a_bare_stream_of_the_same_bytes(ratio, zoo):
    shards = [path for path in zoo.manifest.files if path.startswith("shards/")]
    ratio(
        f"rate of checked tensors by sweeping / of bare streams of {len(shards)} shards "
        "(at least 0.6)",
        lambda: [bare(zoo, path) for path in shards],
        lambda: sweep(zoo),
    )


def all_in_one_call(zoo, chosen):
    return list(zoo.weights(chosen))


def by_threads(zoo, chosen):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda id: next(zoo.weights([id])), chosen))


@pytest.mark.parametrize("read", [all_in_one_call, by_threads])
def test_fifty_at_random_against_bare_ranges(ratio, zoo, read):
    chosen = random.Random(0).sample(zoo.ids, 50)

    def bare_ranges():
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda id: ranged(zoo, id), chosen))

    assert [id for id, _ in read(zoo, chosen)] == chosen
    ratio(
        f"50 at random, {read.__name__} / bare ranged GETs by 8 threads (at most 1.5)",
        lambda: read(zoo, chosen),
        bare_ranges,
    )


def test_waiting_for_data_while_measuring(benchmark, capsys, zoo):
    """A measurement takes a little longer than a download alone (40 ms and the transfer)."""
    start = time.perf_counter()
    ranged(zoo, zoo.ids[0])
    measurement = 1.2 * (time.perf_counter() - start)
    waited, began = 0.0, time.perf_counter()
    # Tensors alone: building a network is work, not waiting.
    arriving = zoo.weights(zoo.ids[:200])
    for _ in range(200):
        start = time.perf_counter()
        next(arriving)
        waited += time.perf_counter() - start
        time.sleep(measurement)
    share = waited / (time.perf_counter() - began)
    benchmark.extra_info["share"] = round(share, 3)
    benchmark.pedantic(lambda: None, rounds=1)
    with capsys.disabled():
        print(f"\nshare of the time that measuring waits for data (below 0.10): {share:.3f}")


MEMORY = """
import sys

from demogen import load_zoo


def resident():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


zoo = load_zoo(sys.argv[1], endpoint=sys.argv[2])
first, most = None, 0.0
for number, (id, tensors) in enumerate(zoo.weights()):
    if number % 20 == 0:
        shard = zoo._table.record(id)[1].shard
        if shard != "shards/00000.tar":
            first = first or resident()
            most = max(most, resident())
print(most - first)
"""


@pytest.mark.timeout(300)
def test_memory_while_sweeping(benchmark, capsys, endpoint):
    command = [sys.executable, "-c", MEMORY, NAME, endpoint]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown = float(done.stdout)
    benchmark.extra_info["megabytes"] = grown
    benchmark.pedantic(lambda: None, rounds=1)
    with capsys.disabled():
        print(f"\nmemory beyond that after the first of 10 shards (below 50 MB): {grown:.0f} MB")


def test_opening_a_table_of_300_000_networks(ratio, tmp_path, capsys):
    """Against one bare read of the same columns."""
    small = wide_zoo(tmp_path / "small", 24)
    plain = small.table.reset_index().columns.tolist()
    path = tmp_path / "small" / "networks.parquet"
    pq.write_table(_many(pq.read_table(path), 300_000), path, **WRITTEN)
    listed = small.manifest.files | {"networks.parquet": file_digest(path)}
    manifest = small.manifest.model_copy(update={"networks": 300_000, "files": listed})
    (tmp_path / "small" / "zoo.json").write_bytes(manifest.to_json())
    seconds = []

    def ours():
        start = time.perf_counter()
        assert len(load_zoo(tmp_path / "small").table) == 300_000
        seconds.append(time.perf_counter() - start)

    ratio(
        "load_zoo and its table, checked / a bare read of the same columns to pandas",
        ours,
        lambda: pq.read_table(path, columns=plain).to_pandas(),
        rounds=5,
    )
    with capsys.disabled():
        size = path.stat().st_size / 1e6
        print(f"{size:.0f} MB opened in {statistics.median(seconds):.2f} s (below 3 s)")


def _many(rows, count):
    """Rows over and over, with ids, digests and logits of their own."""
    numbers = np.arange(count)
    digests = [sha256(str(number).encode()) for number in numbers]
    logits = pa.array(np.random.default_rng(0).standard_normal(count * 40))
    of_input = pa.ListArray.from_arrays(np.arange(0, count * 40 + 1, 10, "int32"), logits)
    own = {
        "id": [f"mlp-w215-n3-relu-c1-{digest[:12]}" for digest in digests],
        "weights_sha256": digests,
        "initial_sha256": digests,
        "probe_logits": pa.ListArray.from_arrays(np.arange(0, count * 4 + 1, 4, "int32"), of_input),
    }
    rows = rows.take(pa.array(numbers % len(rows)))
    for name, values in own.items():
        column = values if isinstance(values, pa.Array) else pa.array(values)
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows
