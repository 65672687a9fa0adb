"""A network before training: made again from its seed, or read where a zoo stores it."""

from collections.abc import Mapping

from demogen.errors import CorruptZooError
from demogen.format.storage import Storage
from demogen.format.table import ByteRange, InitialLogits
from demogen.networks import architectures
from demogen.networks.initial_weights import check_drawn_again
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import FileDigest, NetworkRecord, ZooManifest, sha256
from demogen.zoo.weights import check_size, from_bytes, load_into, to_bytes


def make_initial(
    record: NetworkRecord, manifest: ZooManifest, logits: InitialLogits | None
) -> TappedModule:
    """The network with its initial weights made again from its seed, checked.

    Args:
        record: of the network.
        manifest: of its zoo.
        logits: of the initial network for the probe inputs, where its run recorded them.

    Raises:
        NotMeasurable: it comes from elsewhere, without a seed.
        ZooError: they are not those that it was trained from.
    """
    module = architectures.build(record.spec)
    if sha256(to_bytes(module.state_dict())) != record.initial_sha256:
        what = f"network {record.id} of {manifest.name}"
        check_drawn_again(module, record.spec.data.input_shape, logits, what)
    return module.eval().requires_grad_(False)


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
