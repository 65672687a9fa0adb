"""What nobody can know of a network from elsewhere."""

from collections.abc import Container

from demogen.networks.network import Access
from demogen.schema.records import NetworkRecord


def what_is_missing(
    record: NetworkRecord, image_sets: Container[str], siblings: int
) -> dict[Access, str]:
    """What nobody can know of a network, and why.

    Args:
        record: of the network.
        image_sets: names of those that its zoo pins by digest.
        siblings: how many other networks of its configuration the zoo holds.
    """
    data = record.spec.data
    missing: dict[Access, str] = {}
    if record.initial_sha256 is None:
        missing[Access.INITIAL] = "its source holds none, and no seed to make them again from"
    if not siblings:
        missing[Access.SIBLINGS] = "its zoo holds no other network of its configuration"
    if data.images not in image_sets:
        reason = f"the zoo does not say which {data.images} images it was trained on"
        missing |= {Access.TRAIN: reason, Access.TEST_INPUTS: reason}
    elif not data.subset_known:
        missing[Access.TRAIN] = f"nobody knows which part of {data.images} it was trained on"
    return missing
