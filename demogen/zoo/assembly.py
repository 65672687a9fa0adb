"""A network made of its record and its tensors, with all that readers and writers check of it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from demogen.errors import CorruptZooError, ZooError
from demogen.networks import architectures
from demogen.networks.golden_logits import check_probe_logits
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import NetworkRecord, sha256
from demogen.zoo.weights import check_size, from_bytes, load_into, to_bytes


def assemble(
    record: NetworkRecord, tensors: Mapping[str, Tensor], what: str, device: torch.device
) -> TappedModule:
    """The trained network, in evaluation mode.

    Raises:
        CorruptZooError: the tensors are not those of its architecture, or it does not give the
            recorded logits.
    """
    module = load_into(architectures.skeleton(record.spec), tensors, what)
    module = module.to(device).eval()
    check_probe_logits(module, record.spec.data.input_shape, record.probe_logits, what)
    return module


def accept(
    record: NetworkRecord, weights: bytes, *, assembled: bool = False
) -> tuple[NetworkRecord, bytes]:
    """A network as a zoo holds it: nothing is written that reading would refuse.

    Names that `torch.compile` ("_orig_mod.") or a parallel wrapper ("module.") has put before those
    of the architecture are taken back, where that gives exactly the architecture's; the record gets
    the sha256 of the new bytes.

    Args:
        record: spec and outcome.
        weights: a safetensors file.
        assembled: all but the sha256 has been checked already.

    Raises:
        ZooError: reading would refuse it.
    """
    what = f"network {record.id}"
    if (digest := sha256(weights)) != record.weights_sha256:
        raise ZooError(
            f"{what}: its weights have sha256 {digest[:12]}…, its record says "
            f"{record.weights_sha256[:12]}…; give those that it was recorded with"
        )
    if assembled:
        return record, weights
    try:
        tensors = from_bytes(weights, what)
        expected = set(architectures.skeleton(record.spec).state_dict())
        if tensors.keys() != expected and (plain := _without_wrappers(tensors, expected)):
            tensors, weights = plain, to_bytes(plain)
            record = record.model_copy(update={"weights_sha256": sha256(weights)})
        assemble(record, tensors, what, torch.device("cpu"))
        check_size(len(weights), *architectures.weight_sizes(record.spec.canonical(), what), what)
    except CorruptZooError as error:
        raise ZooError(
            f"{error}; a zoo takes the tensors of the architecture, finite, of its types, in a "
            "safetensors file without metadata, and the logits that they give"
        ) from error
    return record, weights


def accept_initial(record: NetworkRecord, initial: bytes, *, assembled: bool = False) -> bytes:
    """Initial weights as a zoo stores them: those of the record, for its architecture.

    Args:
        record: spec and outcome.
        initial: a safetensors file.
        assembled: all but the sha256 has been checked already.

    Raises:
        ZooError: reading would refuse them.
    """
    what = f"initial weights of network {record.id}"
    if sha256(initial) != record.initial_sha256:
        raise ZooError(f"{what} are not those that its record gives the sha256 of")
    if assembled:
        return initial
    try:
        load_into(architectures.skeleton(record.spec), from_bytes(initial, what), what)
        check_size(len(initial), *architectures.weight_sizes(record.spec.canonical(), what), what)
    except CorruptZooError as error:
        raise ZooError(f"{error}; a zoo takes the tensors of the architecture") from error
    return initial


def _without_wrappers(tensors: Mapping[str, Tensor], expected: set[str]) -> dict[str, Tensor]:
    """The tensors under the names expected; empty where they are not wrapped ones."""
    plain = {_without_wrapper(name): tensor for name, tensor in tensors.items()}
    return plain if plain.keys() == expected and len(plain) == len(tensors) else {}


def _without_wrapper(name: str) -> str:
    parts = [part for part in name.split(".") if part != "_orig_mod"]
    while len(parts) > 1 and parts[0] == "module":
        del parts[0]
    return ".".join(parts)
