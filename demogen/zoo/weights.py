"""Weights: safetensors in uncompressed tar shards, found by offset, checked before use."""

import hashlib
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from demogen.errors import CorruptZooError, ZooError, naming
from demogen.format.table import ByteRange
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import FileDigest

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


@dataclass(frozen=True)
class Shards:
    """What `write_shards` has written.

    Attributes:
        trained: id → where its weights lie.
        initial: id → where its initial weights lie, of those whose are stored.
        files: path in the zoo → size and sha256 of a shard.
    """

    trained: Mapping[str, ByteRange]
    initial: Mapping[str, ByteRange]
    files: Mapping[str, FileDigest]


def write_shards(
    folder: Path, networks: Iterable[StoredNetwork], limit: int = SHARD_BYTES
) -> Shards:
    """Write weights, in the order given, into folder/shards/00000.tar, 00001.tar and so on.

    Headers are fixed (no time, owner or mode of this machine), so the same weights give the same
    shards.

    Args:
        folder: the zoo's folder.
        networks: their weights; initial ones lie right behind those that were trained from them.
        limit: bytes beyond which a shard gets no further network.
    """
    with naming(folder / "shards"):
        return _write_shards(folder, networks, limit)


def _write_shards(folder: Path, networks: Iterable[StoredNetwork], limit: int) -> Shards:
    trained: dict[str, ByteRange] = {}
    initial: dict[str, ByteRange] = {}
    files: dict[str, FileDigest] = {}
    (folder / "shards").mkdir()
    shard: _Shard | None = None
    try:
        for network in networks:
            size = len(network.weights) + len(network.initial or b"")
            if shard is None or shard.size + size > limit:
                if shard is not None:
                    files[shard.path] = shard.close()
                shard = _Shard(folder, f"shards/{len(files):05}.tar")
            trained[network.id] = shard.append(member(network.id), network.weights)
            if network.initial is not None:
                initial[network.id] = shard.append(initial_member(network.id), network.initial)
    finally:
        if shard is not None:
            files[shard.path] = shard.close()
    return Shards(trained, initial, files)


class _Shard:
    """A tar that is written and hashed at once.

    Attributes:
        path: in the zoo.
        size: bytes so far.
    """

    def __init__(self, folder: Path, path: str) -> None:
        self.path = path
        self.size = 0
        self._file = (folder / path).open("wb")
        self._hash = hashlib.sha256()

    def append(self, name: str, content: bytes | memoryview) -> ByteRange:
        self._write(_header(name, len(content)))
        byte_range = ByteRange(shard=self.path, offset=self.size, length=len(content))
        self._write(content)
        self._write(bytes(-len(content) % tarfile.BLOCKSIZE))
        return byte_range

    def close(self) -> FileDigest:
        with self._file:
            self._write(bytes(2 * tarfile.BLOCKSIZE))
        return FileDigest(bytes=self.size, sha256=self._hash.hexdigest())

    def _write(self, content: bytes | memoryview) -> None:
        self._file.write(content)
        self._hash.update(content)
        self.size += len(content)


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
    check_tensors(tensors, skeleton.state_dict(), what)
    skeleton.load_state_dict(dict(tensors), assign=True)
    return skeleton


def check_tensors(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str, *, finite: bool = True
) -> None:
    """Compare tensors with those of an architecture by names, shapes and dtypes.

    Args:
        tensors: those of a network.
        expected: those of its architecture, with or without numbers.
        what: the network, in messages.
        finite: whether a value that is not finite is a fault, too.

    Raises:
        CorruptZooError: they are not those of this architecture.
    """
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
        if finite and not bool(torch.isfinite(tensor).all()):
            raise CorruptZooError(f"{what}: tensor {name!r} holds a value that is not finite")


def _header(name: str, length: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = length
    return info.tobuf(tarfile.USTAR_FORMAT)
