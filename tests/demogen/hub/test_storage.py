"""A zoo read from the Hub as it is needed, over a connection on which anything may go wrong."""

import pickle
import re
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from demogen import get_predictor, load_zoo, measure
from demogen.errors import CorruptZooError, ZooError
from demogen.hub import retry
from demogen.hub.publishing import push
from demogen.zoo.weights import write_shards
from tests.demogen.zoo.test_zoo import rewrite_manifest
from tests.hub.faults import ALWAYS, rate_limited, retry_after
from tests.hub.state import READER, STRANGER, WRITER
from tests.hub.wide_zoo import wide_zoo

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

NAME = "owner/tiny"
SHARD = "^GET .*/shards/00000.tar"


@pytest.fixture(scope="module")
def pushed(running_hub, tiny_zoo_folder, tmp_path_factory):
    """What a Hub keeps once the tiny zoo was pushed to it, and the commit."""
    kept = tmp_path_factory.mktemp("pushed") / "hub"
    running_hub.state.reset(kept)
    made = push(tiny_zoo_folder, NAME, endpoint=running_hub.endpoint, token=WRITER, progress=False)
    return kept, made.commit


@pytest.fixture
def published(pushed, hub, tmp_path):
    """The tiny zoo on the Hub; its commit."""
    kept, commit = pushed
    shutil.copytree(kept, tmp_path / "hub", dirs_exist_ok=True)
    return commit


@pytest.fixture
def open_zoo(hub, published):
    def opened(revision=None, **more):
        return load_zoo(NAME, revision, endpoint=hub.endpoint, **more)

    return opened


@pytest.fixture
def weights(tiny_zoo):
    return dict(tiny_zoo.weights())


def equal(read, wanted):
    return read.keys() == wanted.keys() and all(
        torch.equal(tensor, wanted[id][name])
        for id, tensors in read.items()
        for name, tensor in tensors.items()
    )


def same(network, other):
    state, wanted = network.module.state_dict(), other.module.state_dict()
    return all(torch.equal(state[name], wanted[name]) for name in wanted)


class TestReading:
    def test_all_is_read_at_the_commit_that_the_revision_named_first(
        self, hub, published, open_zoo, tiny_zoo, copied_zoo_folder
    ):
        zoo = open_zoo("main")
        rewrite_manifest(copied_zoo_folder, planned=99)
        push(copied_zoo_folder, NAME, endpoint=hub.endpoint, token=WRITER, progress=False)
        assert zoo.revision == published != open_zoo("main").revision
        assert zoo.digest == tiny_zoo.digest
        assert zoo.splits["kfold-10"] == tiny_zoo.splits["kfold-10"]
        assert zoo.table.equals(tiny_zoo.table)
        assert all(same(*pair) for pair in zip(zoo, tiny_zoo, strict=True))

    @pytest.mark.parametrize("redirect", [False, True])
    def test_the_first_network_takes_few_requests(self, hub, open_zoo, redirect):
        hub.state.redirect = redirect
        next(iter(open_zoo()))
        assert len(hub.faults.requests) == (6 if redirect else 5)
        assert hub.faults.count("/shards/|/cdn/") <= 4

    @pytest.mark.parametrize("networks", [3, 150])
    def test_the_size_of_a_zoo_makes_no_difference_to_the_first_network(
        self, hub, tmp_path, networks, monkeypatch
    ):
        monkeypatch.setattr(write_shards, "__defaults__", (100_000,))
        place = wide_zoo(tmp_path / "zoo", networks, width=16).storage.place
        push(place, "owner/wide", endpoint=hub.endpoint, token=WRITER, progress=False)
        hub.faults.clear()
        next(iter(load_zoo("owner/wide", endpoint=hub.endpoint)))
        assert len(hub.faults.requests) == 5

    def test_the_table_and_splits_take_no_weights(self, hub, open_zoo):
        zoo = open_zoo()
        assert len(zoo.table) == 24
        assert zoo.splits["kfold-10"].folds
        assert zoo.record(zoo.ids[0]).id == zoo.ids[0]
        assert hub.faults.count("shards") == 0
        assert [line for line in hub.faults.requests if "runs" in line or "holdout" in line] == []

    def test_one_network_is_one_range(self, hub, open_zoo, tiny_zoo):
        zoo = open_zoo()
        id = zoo.ids[11]
        assert same(zoo[id], tiny_zoo[id])
        place = tiny_zoo._table.record(id)[1]
        assert hub.faults.ranges == [f"bytes={place.offset}-{place.stop - 1}"]

    def test_a_sweep_takes_few_requests_and_each_byte_once(self, hub, open_zoo, tiny_zoo):
        zoo = open_zoo()
        assert [network.id for network in zoo] == tiny_zoo.ids
        swept = hub.faults.matching(SHARD)
        assert len(swept) <= 3
        size = zoo.manifest.files["shards/00000.tar"].bytes
        assert sum(exchange.sent for exchange in swept) <= size

    def test_threads_share_a_zoo(self, open_zoo, tiny_zoo):
        zoo = open_zoo()
        with ThreadPoolExecutor(8) as pool:
            read = list(pool.map(zoo.__getitem__, reversed(zoo.ids)))
        assert all(same(network, tiny_zoo[network.id]) for network in read)

    def test_shards_are_kept_if_asked(self, hub, open_zoo, monkeypatch):
        zoo = open_zoo(cache=True)
        zoo.verify()
        assert hub.faults.count(SHARD) == 1
        hub.faults.clear()
        again = open_zoo(zoo.revision)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        again.verify()
        assert hub.faults.requests == []

    def test_offline_what_is_not_kept_is_one_clear_line(self, hub, open_zoo, monkeypatch):
        _ = open_zoo().table
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        zoo = open_zoo()
        assert len(zoo.table) == 24
        with pytest.raises(ZooError, match=r"shards/00000.tar of owner/tiny at .*HF_HUB_OFFLINE"):
            zoo[zoo.ids[0]]

    def test_workers_open_it_themselves(self, open_zoo, tiny_zoo):

        zoo = open_zoo()
        measured = measure(get_predictor("product-norm"), zoo, workers=2, cache=False)
        assert measured.equals(measure(get_predictor("product-norm"), tiny_zoo, cache=False))
        assert pickle.loads(pickle.dumps(zoo.storage)) == zoo.storage


@pytest.mark.usefixtures("no_waiting")
class TestFaults:
    @pytest.mark.parametrize(
        ("kind", "more"),
        [
            ("flip", {"at": 60_000}),
            ("truncate", {}),
            ("drop", {"at": 30_000}),
            ("drop", {"at": 0}),
            (408, {}),
            ("slow", {"seconds": 0.2}),
            ("stall", {"seconds": 0.2}),
            (429, {"headers": retry_after(7)}),
            (429, {"headers": rate_limited(7)}),
            (500, {}),
            (502, {}),
            (503, {"headers": retry_after(1)}),
            (504, {}),
        ],
    )
    def test_what_passes_is_got_over(self, hub, open_zoo, weights, kind, more):
        zoo = open_zoo()
        hub.faults.add(kind, SHARD, **more)
        assert equal(dict(zoo.weights()), weights)
        assert hub.faults.waiting[0].times == 0, "the fault was never met"

    @pytest.mark.parametrize(
        ("kind", "more"),
        [("flip", {"at": 60_000}), ("truncate", {}), ("drop", {"at": 9}), (503, {}), (429, {})],
    )
    def test_what_passes_is_got_over_in_keeping_shards(self, hub, open_zoo, weights, kind, more):
        zoo = open_zoo(cache=True)
        hub.faults.add(kind, SHARD, **more)
        assert equal(dict(zoo.weights()), weights)
        assert hub.faults.waiting[0].times == 0, "the fault was never met"

    def test_only_what_was_lost_is_asked_for_again(self, hub, open_zoo):
        zoo = open_zoo()
        hub.faults.add("drop", SHARD, at=4_000)
        zoo[zoo.ids[0]]
        first, second = hub.faults.ranges
        start, stop = map(int, re.findall(r"\d+", first))
        assert second == f"bytes={start + 4_000}-{stop}"

    def test_a_bad_read_is_asked_for_past_every_cache(self, hub, open_zoo, monkeypatch):
        zoo = open_zoo()
        hub.faults.add("flip", SHARD, at=500)
        asked = []
        from huggingface_hub import utils

        stream = type(utils.get_session()).stream
        monkeypatch.setattr(
            type(utils.get_session()),
            "stream",
            lambda self, *a, **k: asked.append(dict(k["headers"])) or stream(self, *a, **k),
        )
        zoo[zoo.ids[3]]
        ranged = [headers.get("Cache-Control") for headers in asked if "Range" in headers]
        assert ranged == [None, "no-cache"]

    @pytest.mark.parametrize("cache", [False, True])
    def test_what_stays_wrong_names_zoo_revision_network_and_fault(
        self, hub, open_zoo, published, cache
    ):
        zoo = open_zoo(cache=cache)
        id = zoo.ids[5]
        place = zoo._table.record(id)[1]
        hub.faults.add("flip", SHARD, times=ALWAYS, at=place.offset + 900 if cache else 900)
        with pytest.raises(CorruptZooError) as error:
            zoo[id]
        message = str(error.value)
        assert f"zoo tiny in {NAME} at {published[:12]}: network {id} has sha256" in message
        assert "\n" not in message

    def test_others_go_on_if_asked(self, hub, open_zoo, tiny_zoo):
        zoo = open_zoo()
        hub.faults.add("flip", SHARD, times=ALWAYS, at=900)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            read = list(zoo.networks(errors="skip"))
        skipped = [id for id in zoo.ids if id not in {network.id for network in read}]
        assert 1 <= len(skipped) <= 4
        assert all(same(network, tiny_zoo[network.id]) for network in read)
        assert all(id in str(told[-1].message) for id in skipped)

    @pytest.mark.parametrize("path", ["networks.parquet", "labels.safetensors", "kfold-10.json"])
    def test_files_that_arrive_wrong_are_fetched_again(self, hub, open_zoo, tiny_zoo, path):
        hub.faults.add("flip", f"^GET .*{path}", at=50)
        zoo = open_zoo()
        assert zoo.table.equals(tiny_zoo.table)
        assert zoo.splits["kfold-10"] == tiny_zoo.splits["kfold-10"]
        assert zoo._labels.keys() == tiny_zoo._labels.keys()
        assert hub.faults.count(f"^GET .*{path}") == 2
        hub.faults.add("flip", f"^GET .*{path}", at=50, times=ALWAYS)

    def test_a_table_that_stays_wrong_is_named(self, hub, open_zoo):
        hub.faults.add("flip", "^GET .*networks.parquet", at=50, times=ALWAYS)
        with pytest.raises(CorruptZooError, match=r"owner/tiny at .*: networks.parquet has sha256"):
            _ = open_zoo().table

    @pytest.mark.parametrize(
        ("kind", "said"),
        [
            (503, "out of order"),
            (429, "admits no more requests"),
            ("drop", "broke off"),
            (403, "token does not allow"),
        ],
    )
    def test_a_hub_that_stays_out_of_order_is_no_corrupt_zoo(self, hub, open_zoo, kind, said):
        zoo = open_zoo()
        hub.faults.add(kind, SHARD, times=ALWAYS)
        with pytest.raises(ZooError, match=f"cannot read shards/00000.tar of .*{said}") as error:
            zoo[zoo.ids[0]]
        assert error.type is ZooError
        assert hub.faults.count(SHARD) <= retry.TRIES

    def test_a_shard_that_the_repository_lacks_is_named(self, hub, open_zoo):
        repository = hub.repository(NAME)
        files = repository.files(repository.resolve("main"))
        del files["shards/00000.tar"]
        repository.commit("main", files, "by hand")
        zoo = open_zoo()
        with pytest.raises(CorruptZooError, match=r"shards/00000.tar is missing there"):
            zoo[zoo.ids[0]]

    def test_a_stale_replica_gives_an_older_zoo_and_never_a_mixture(
        self, hub, published, open_zoo, tiny_zoo, copied_zoo_folder
    ):
        rewrite_manifest(copied_zoo_folder, planned=99)
        push(copied_zoo_folder, NAME, endpoint=hub.endpoint, token=WRITER, progress=False)
        hub.faults.add("stale", "/resolve/main/", times=ALWAYS)
        zoo = open_zoo()
        assert zoo.revision == published
        zoo.verify()

    def test_who_may_not_read_is_told_so(self, hub, open_zoo, monkeypatch):
        hub.repository(NAME).configure(private=True)
        for token, said in [
            (None, "no such dataset repository, or it is private"),
            ("hf_mistyped", "missing or refused|no such dataset repository"),
            (STRANGER, "no such dataset repository, or it is private"),
        ]:
            if token:
                monkeypatch.setenv("HF_TOKEN", token)
            with pytest.raises(ZooError, match=said) as error:
                open_zoo()
            assert "hf_" not in str(error.value)
        hub.repository(NAME).configure(private=False, gated=True)
        with pytest.raises(ZooError, match="admits readers one by one"):
            open_zoo()
        monkeypatch.setenv("HF_TOKEN", READER)
        open_zoo().verify()


class TestWaiting:
    def test_the_clients_own_pauses_are_bounded_too(self, hub, published, monkeypatch):
        pauses = []
        monkeypatch.setattr("time.sleep", pauses.append)
        hub.faults.add(429, "^HEAD|^GET", times=4, headers=rate_limited(86_400))
        zoo = load_zoo(NAME, endpoint=hub.endpoint)
        hub.faults.add(429, SHARD, times=2, headers=rate_limited(86_400))
        zoo[zoo.ids[0]]
        assert len(pauses) >= 4
        assert max(pauses) <= 1.5 * retry.LONGEST + 2
