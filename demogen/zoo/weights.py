"""Weights: safetensors in uncompressed tar shards, found by offset, checked before use."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from demogen.errors import CorruptZooError, ZooError, naming
from demogen.format.table import ByteRange
from demogen.networks.tapped_module import TappedModule

HEADER_BYTES = 1024
"""More than the header of a safetensors file takes for a tensor."""

SHARD_BYTES = 1_000_000_000
"""About as large as a shard gets; a network is never in two."""


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """A complete safetensors file; the same tensors always give the same bytes.

    Raises:
        ZooError: they cannot be saved: sparse, without memory, or parts of each other.
    """
    try:
        return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    except (RuntimeError, ValueError, TypeError, SafetensorError) as error:
        fault = " ".join(str(error).split())
        raise ZooError(f"these tensors cannot be saved as safetensors: {fault}") from error


# Not `ordinary_state`: threads that read ahead would change settings that all threads share.
@torch.inference_mode(False)
def from_bytes(content: bytes, what: str) -> dict[str, Tensor]:
    """Tensors of a safetensors file.

    Raises:
        CorruptZooError: it is none; the message names it as `what`.
    """
    try:
        return load(content)
    except SafetensorError as error:
        raise CorruptZooError(f"{what} is no safetensors file ({error})") from error


def member(network: str) -> str:
    """Name of a network's weights in a shard.

    Readers of the webdataset format take what stands before the first dot of the last part for the
    key of a sample; ids hold dots.
    """
    return f"{network}/network.safetensors"


def initial_member(network: str) -> str:
    """Name of a network's initial weights in a shard: one more field of the same sample."""
    return f"{network}/network.initial.safetensors"


@dataclass(frozen=True)
class StoredNetwork:
    """A network's weights as a safetensors file, and its initial ones where they are stored."""

    id: str
    weights: bytes
    initial: bytes | None = None


@dataclass(frozen=True)
class FilePart:
    """Bytes of a file, where several networks lie in one."""

    path: Path
    offset: int
    length: int

    def read_bytes(self) -> bytes:
        """The bytes; fewer where the file ends before."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)

    def __str__(self) -> str:
        return f"{self.path}, bytes from {self.offset} on"


def write_shards(
    folder: Path, networks: Iterable[StoredNetwork], limit: int = SHARD_BYTES
) -> tuple[dict[str, ByteRange], dict[str, ByteRange]]:
    """Write weights, in the order given, into folder/shards/00000.tar, 00001.tar and so on.

    Headers are fixed (no time, owner or mode of this machine), so the same weights give the same
    shards.

    Args:
        folder: the zoo's folder.
        networks: their weights; initial ones lie right behind those that were trained from them.
        limit: bytes beyond which a shard gets no further network.

    Returns:
        Id → where its weights lie, and where its initial weights lie.
    """
    with naming(folder / "shards"):
        return _write_shards(folder, networks, limit)


def _write_shards(
    folder: Path, networks: Iterable[StoredNetwork], limit: int
) -> tuple[dict[str, ByteRange], dict[str, ByteRange]]:
    trained: dict[str, ByteRange] = {}
    initial: dict[str, ByteRange] = {}
    shard, number = None, -1
    (folder / "shards").mkdir()
    try:
        for network in networks:
            size = len(network.weights) + len(network.initial or b"")
            if shard is None or shard.tell() + size > limit:
                _close(shard)
                number += 1
                shard = (folder / "shards" / f"{number:05}.tar").open("wb")
            path = f"shards/{number:05}.tar"
            trained[network.id] = _append(shard, path, member(network.id), network.weights)
            if network.initial is not None:
                name = initial_member(network.id)
                initial[network.id] = _append(shard, path, name, network.initial)
    finally:
        _close(shard)
    return trained, initial


def _append(shard: BinaryIO, path: str, name: str, content: bytes) -> ByteRange:
    shard.write(_header(name, len(content)))
    byte_range = ByteRange(shard=path, offset=shard.tell(), length=len(content))
    shard.write(content)
    shard.write(bytes(-len(content) % tarfile.BLOCKSIZE))
    return byte_range


def check_size(length: int, tensors: int, count: int, what: str) -> None:
    """Compare a network's length in bytes with that of its architecture's weights.

    Args:
        length: of its safetensors file, as the zoo says.
        tensors: bytes of all its tensors.
        count: how many tensors there are.
        what: the network, in messages.

    Raises:
        CorruptZooError: the length is less than the tensors take, or much more.
    """
    if not tensors <= length <= tensors + HEADER_BYTES * (count + 1):
        raise CorruptZooError(
            f"{what} is said to take {length:,} bytes; its architecture takes {tensors:,}"
        )


def load_into(skeleton: TappedModule, tensors: Mapping[str, Tensor], what: str) -> TappedModule:
    """Give a skeleton its weights, after a check of names, shapes, dtypes and finite values.

    Raises:
        CorruptZooError: the tensors are not those of this architecture.
    """
    expected = skeleton.state_dict()
    if names := set(expected) ^ set(tensors):
        raise CorruptZooError(
            f"{what}: tensor {min(names)!r} is missing or not of its architecture"
        )
    for name, tensor in tensors.items():
        template = expected[name]
        if tensor.shape != template.shape or tensor.dtype != template.dtype:
            raise CorruptZooError(
                f"{what}: tensor {name!r} is {tensor.dtype} {tuple(tensor.shape)}, its "
                f"architecture has {template.dtype} {tuple(template.shape)}"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise CorruptZooError(f"{what}: tensor {name!r} holds a value that is not finite")
    skeleton.load_state_dict(dict(tensors), assign=True)
    return skeleton


def _header(name: str, length: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = length
    return info.tobuf(tarfile.USTAR_FORMAT)


def _close(shard: "io.BufferedWriter | None") -> None:
    if shard is not None:
        shard.write(bytes(2 * tarfile.BLOCKSIZE))
        shard.close()
