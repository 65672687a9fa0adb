"""What is read together, how far ahead, and what becomes of wrong bytes."""

import itertools
import threading
from dataclasses import dataclass, field

import pytest
import torch

from demogen.errors import CorruptZooError, ZooError
from demogen.format.storage import Folder, Storage
from demogen.format.table import ByteRange
from demogen.schema.records import sha256
from demogen.zoo import prefetch, weights
from demogen.zoo.prefetch import WeightsRequest, plan_spans


@dataclass
class Recorded(Storage):
    """A folder that notes what is read of it, and spoils what it is told to."""

    folder: Folder
    streams: int = 3
    reads: list[tuple[int, int, bool]] = field(default_factory=list)
    spoiled: dict[int, int] = field(default_factory=dict)
    ended: int = 0

    where, revision, published = "here", "", ""

    def local(self, path, *, refetch=False):
        return self.folder.local(path, refetch=refetch)

    def stream(self, path, start, length, *, refetch=False):
        self.reads.append((start, length, refetch))
        for piece in self.folder.stream(path, start, length):
            content = bytearray(piece)
            for position, times in self.spoiled.items():
                if start <= position < start + len(content) and times:
                    self.spoiled[position] -= 1
                    content[position - start] ^= 1
            start += len(content)
            yield bytes(content)
        self.ended += 1

    def check(self, files):
        pass


@pytest.fixture
def shelf(tmp_path):
    """Forty networks of about 300 kB in one shard: their storage, places and tensors."""
    tensors = {f"n{n:02}": {"w": torch.full((75_000,), float(n))} for n in range(40)}
    contents = {id: weights.to_bytes(each) for id, each in tensors.items()}
    stored = itertools.starmap(weights.StoredNetwork, contents.items())
    places = weights.write_shards(tmp_path, stored).trained
    wanted = [WeightsRequest(id, places[id], sha256(content)) for id, content in contents.items()]
    return Recorded(Folder(tmp_path)), wanted, tensors


def test_tensors_come_in_order_in_few_reads(shelf):
    storage, wanted, tensors = shelf
    read = list(prefetch.read_ahead(storage, wanted, "zoo z"))
    assert [each.id for each in read] == list(tensors)
    assert all(torch.equal(w.tensors["w"], tensors[w.id]["w"]) for w in read)
    # 1 network alone, then pieces of at most 1, 2, 4 and 8 MB: 3 + 6 + 13 + 17 networks.
    assert len(storage.reads) == 5
    assert storage.ended == 5, "a stream left before its end costs a connection"


def test_who_wants_one_network_pays_for_one(shelf):
    storage, wanted, _ = shelf
    reading = prefetch.read_ahead(storage, wanted, "zoo z")
    next(reading)
    place = wanted[0].byte_range
    assert storage.reads == [(place.offset, place.length, False)]
    next(reading)
    reading.close()
    assert len(storage.reads) <= 1 + storage.streams + 1
    assert not [t for t in threading.enumerate() if t.name.startswith("read-ahead")]


def test_scattered_networks_are_read_alone(shelf):
    storage, wanted, _ = shelf
    scattered = wanted[::7][::-1]
    read = list(prefetch.read_ahead(storage, scattered, "zoo z"))
    assert [each.id for each in read] == [each.id for each in scattered]
    assert sum(length for _, length, _ in storage.reads) == sum(
        w.byte_range.length for w in scattered
    )


@pytest.mark.parametrize("number", [0, 5, 39])
def test_a_bad_read_is_made_once_more(shelf, number):
    storage, wanted, tensors = shelf
    place = wanted[number].byte_range
    storage.spoiled = {place.offset + 200: 1}
    read = list(prefetch.read_ahead(storage, wanted, "zoo z"))
    assert torch.equal(read[number].tensors["w"], tensors[read[number].id]["w"])
    assert [each for each in storage.reads if each[2]] == [(place.offset, place.length, True)]


def test_what_stays_bad_is_named_and_the_rest_goes_on(shelf):
    storage, wanted, _ = shelf
    storage.spoiled = {wanted[7].byte_range.offset + 200: 99}
    read = list(prefetch.read_ahead(storage, wanted, "zoo z"))
    faulty = [each for each in read if each.fault]
    assert [each.id for each in faulty] == ["n07"]
    assert "zoo z: network n07 has sha256" in str(faulty[0].fault)
    assert faulty[0].tensors == {}


def test_a_shard_that_ends_too_soon_is_the_fault_of_the_networks_behind(shelf):
    storage, wanted, _ = shelf
    shard = storage.folder.place / "shards/00000.tar"
    with shard.open("r+b") as file:
        file.truncate(wanted[30].byte_range.offset + 10)
    read = list(prefetch.read_ahead(storage, wanted, "zoo z"))
    assert [each.fault is None for each in read] == [True] * 30 + [False] * 10
    assert "n30 ends in shards/00000.tar after 10 of" in str(read[30].fault)
    shard.unlink()
    read = list(prefetch.read_ahead(storage, wanted[:2], "zoo z"))
    assert all("00000.tar is missing" in str(each.fault) for each in read)


def test_storage_that_cannot_be_read_is_an_error_at_once(shelf, monkeypatch):
    storage, wanted, _ = shelf
    honest = storage.stream

    def broken(path, start, length, *, refetch=False):
        if start > wanted[20].byte_range.offset:
            raise ZooError("the disk is gone")
        return honest(path, start, length, refetch=refetch)

    monkeypatch.setattr(storage, "stream", broken)
    reading = prefetch.read_ahead(storage, wanted, "zoo z")
    with pytest.raises(ZooError, match="the disk is gone") as error:
        list(reading)
    assert error.type is ZooError
    assert not isinstance(error.value, CorruptZooError)


def test_spans_join_neighbors_only():
    def wanted(shard, offset, length):
        return WeightsRequest("n", ByteRange(shard=shard, offset=offset, length=length), "")

    near, far = 512, prefetch.GAP + 1
    size = 100_000
    one = wanted("a", 0, size)
    two = wanted("a", size + near, size)
    three = wanted("a", two.byte_range.stop + near, size)
    apart = wanted("a", three.byte_range.stop + far, size)
    other = wanted("b", apart.byte_range.stop, size)
    back = wanted("b", 0, size)
    spans = [span.requests for span in plan_spans([one, two, three, apart, other, back])]
    assert spans == [[one], [two, three], [apart], [other], [back]]


def test_one_large_network_at_a_time_is_read_ahead(shelf, monkeypatch):
    storage, wanted, _ = shelf
    monkeypatch.setattr(prefetch, "AHEAD", 1)
    monkeypatch.setattr(prefetch, "SPAN", 1)
    reading = prefetch.read_ahead(storage, wanted[::2], "zoo z")
    for done in range(1, 6):
        next(reading)
        # The one in use, and at most one more.
        assert len(storage.reads) <= done + 1
    reading.close()
