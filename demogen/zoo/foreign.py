"""Networks from elsewhere: their stored initial weights, and what nobody can know of them."""

from collections.abc import Container, Mapping

from demogen.errors import CorruptZooError
from demogen.format.storage import Storage
from demogen.format.table import ByteRange
from demogen.networks import architectures
from demogen.networks.network import Access
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import FileDigest, NetworkRecord, sha256
from demogen.zoo.weights import check_size, from_bytes, load_into


def what_is_missing(record: NetworkRecord, image_sets: Container[str]) -> dict[Access, str]:
    """What nobody can know of a network, and why; nothing of one that was trained here.

    Args:
        record: of the network.
        image_sets: names of those that its zoo pins by digest.
    """
    data = record.spec.data
    missing: dict[Access, str] = {}
    if record.initial_sha256 is None:
        missing[Access.INITIAL] = "its source holds none, and no seed to make them again from"
    if data.images not in image_sets:
        reason = f"the zoo does not say which {data.images} images it was trained on"
        missing |= {Access.TRAIN: reason, Access.TEST_INPUTS: reason}
    elif not data.subset_known:
        missing[Access.TRAIN] = f"nobody knows which part of {data.images} it was trained on"
    return missing


def read_initial(
    storage: Storage,
    files: Mapping[str, FileDigest],
    record: NetworkRecord,
    place: ByteRange,
    what: str,
) -> TappedModule:
    """The network with its stored initial weights, checked; read once more if they differ.

    Args:
        storage: of the zoo.
        files: of zoo.json.
        record: of the network.
        place: where its initial weights lie.
        what: they are, in messages.

    Raises:
        CorruptZooError: they are not what the zoo says.
    """
    shard = files.get(place.shard)
    if shard is None or place.stop > shard.bytes:
        raise CorruptZooError(f"{what} lie outside the files of zoo.json, in {place.shard!r}")
    check_size(place.length, *architectures.weight_sizes(record.spec.canonical(), what), what)
    for refetch in (False, True):
        pieces = storage.stream(place.shard, place.offset, place.length, refetch=refetch)
        content = b"".join(pieces)
        if sha256(content) == record.initial_sha256:
            tensors = from_bytes(content, what)
            module = load_into(architectures.skeleton(record.spec), tensors, what)
            return module.eval().requires_grad_(False)
    raise CorruptZooError(f"{what} are not those of the zoo; fetch it again")
