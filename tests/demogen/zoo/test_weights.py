import itertools

from demogen.format.integrity import file_digest
from demogen.format.storage import Folder
from demogen.zoo.weights import StoredNetwork, write_shards


def test_a_network_is_never_in_two_shards(tmp_path):
    weights = [(f"n{number}", bytes([number]) * 700) for number in range(5)]
    stored = itertools.starmap(StoredNetwork, weights)
    written = write_shards(tmp_path, stored, limit=2500)
    places = written.trained
    assert len({place.shard for place in places.values()}) == 3
    for id, content in weights:
        place = places[id]
        found = Folder(tmp_path).stream(place.shard, place.offset, place.length)
        assert b"".join(found) == content
    assert written.files == {
        f"shards/{number:05}.tar": file_digest(tmp_path / f"shards/{number:05}.tar")
        for number in range(3)
    }
