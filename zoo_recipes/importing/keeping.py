"""What an import has read so far, on the disk until its zoo is whole: pieces of many networks each.

A piece is a folder with `networks.jsonl`, a line a network, and `weights`, their safetensors files
one after the other. It is written under another name and renamed. Where the machine stops right
then, weights may be others than were written: so a later run compares what it finds with the
sha256 of their records.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ArchiveError, naming
from demogen.format.integrity import sync_folder, write_atomically
from demogen.schema.records import NetworkRecord, RunFacts, sha256
from demogen.zoo.weights import FilePart

PIECE_BYTES = 64 << 20
PIECE_NETWORKS = 2_000


@dataclass(frozen=True)
class Read:
    """A network that was read: its record, its files, and the sha256 over what was read of it."""

    name: str
    record: NetworkRecord
    run: RunFacts
    read: str
    weights: memoryview
    initial: memoryview | None = None


@dataclass(frozen=True)
class Kept:
    """The same, with its files left on the disk."""

    name: str
    record: NetworkRecord
    run: RunFacts
    read: str
    weights: FilePart
    initial: FilePart | None


@final
class ImportFolder:
    """`<zoo>.importing`; one process at a time writes it."""

    def __init__(self, zoo: Path, identity: Mapping[str, Any]) -> None:
        """Open it, or begin it.

        Args:
            zoo: the zoo's folder.
            identity: what is imported and how; the folder is of this import alone.

        Raises:
            ArchiveError: it was begun by another import.
        """
        self.path = zoo.with_name(f"{zoo.name}.importing")
        self._open: _Piece | None = None
        self._put: list[Kept] = []
        file = self.path / "import.json"
        text = json.dumps(identity, sort_keys=True, indent=1).encode()
        if not file.exists():
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
            write_atomically(file, text)
        elif file.read_bytes() != text:
            raise ArchiveError(
                f"{self.path} was begun from another archive or with other options: remove it, or "
                "give another folder for the zoo"
            )
        folders = [path for path in self.path.iterdir() if path.is_dir()]
        for unfinished in (path for path in folders if path.name.startswith(".")):
            shutil.rmtree(unfinished)
        pieces = (path for path in folders if path.name.isdecimal())
        self._pieces = sorted(pieces, key=lambda path: int(path.name))
        self._found = list(self._pieces)

    def put(self, network: Read) -> None:
        """Keep a network; it is on the disk when its piece is full, or after `flush`."""
        if self._open is None:
            # Not their count: a damaged one may have been removed.
            number = int(self._pieces[-1].name) + 1 if self._pieces else 0
            self._open = _Piece(self.path / f"{number:06}")
        piece = self._open
        weights = piece.append(network.weights)
        initial = None if network.initial is None else piece.append(network.initial)
        kept = Kept(network.name, network.record, network.run, network.read, weights, initial)
        piece.networks.append(kept)
        if piece.size >= PIECE_BYTES or len(piece.networks) >= PIECE_NETWORKS:
            self.flush()

    def flush(self) -> None:
        """Finish the piece that is not full yet."""
        if (piece := self._open) is None:
            return
        self._open = None
        piece.finish()
        self._pieces.append(piece.path)
        self._put += piece.networks

    @property
    def put_now(self) -> set[str]:
        """Ids of the networks that were put since the folder was opened."""
        return {network.run.id for network in self._put}

    @property
    def is_empty(self) -> bool:
        """Whether no network is on the disk."""
        return not self._pieces

    def kept(self) -> Iterator[Kept]:
        """The networks on the disk, in the order in which they were put."""
        yield from self._kept_before()
        yield from self._put

    def _kept_before(self) -> Iterator[Kept]:
        for piece in self._found:
            file = piece / "weights"
            for line in self._lines(piece):
                initial = line.get("initial")
                try:
                    yield Kept(
                        str(line["name"]),
                        NetworkRecord.model_validate(line["record"]),
                        RunFacts.model_validate(line["run"]),
                        str(line["read"]),
                        FilePart(file, *line["weights"]),
                        None if initial is None else FilePart(file, *initial),
                    )
                except (KeyError, TypeError, ValueError) as error:
                    raise self._damaged(piece) from error

    def _lines(self, piece: Path) -> Iterator[dict[str, Any]]:
        try:
            for text in (piece / "networks.jsonl").read_bytes().splitlines():
                line = json_data(text)
                if not isinstance(line, dict) or "name" not in line:
                    raise self._damaged(piece)
                yield line
        except (OSError, UnreadableError) as error:
            raise self._damaged(piece) from error

    def _damaged(self, piece: Path) -> ArchiveError:
        return ArchiveError(
            f"{piece} is damaged: remove {self.path} and run the same command again"
        )

    def remove_damaged(self) -> bool:
        """Remove the pieces that are not what was put there; whether there were any."""
        damaged = {
            network.weights.path.parent
            for network in self.kept()
            for part, expected in (
                (network.weights, network.record.weights_sha256),
                (network.initial, network.record.initial_sha256),
            )
            if part is not None and sha256(part.read_bytes()) != expected
        }
        for piece in damaged:
            shutil.rmtree(piece)
        return bool(damaged)

    def names(self) -> set[str]:
        """Names of the networks on the disk."""
        return {str(line["name"]) for piece in self._pieces for line in self._lines(piece)}

    def close(self) -> None:
        """Remove it: the zoo is whole, or there is nothing in it."""
        shutil.rmtree(self.path)


@final
class _Piece:
    """A piece that is being written; its weights go to the disk one network after the other.

    Attributes:
        path: where it will be when it is finished.
        size: bytes of its weights so far.
        networks: those in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.networks: list[Kept] = []
        self._unfinished = path.with_name(f".{path.name}")
        self._unfinished.mkdir()
        self._file = (self._unfinished / "weights").open("wb", buffering=0)

    def append(self, content: memoryview) -> FilePart:
        """Write a safetensors file behind the others."""
        part = FilePart(self.path / "weights", self.size, len(content))
        left = content
        with naming(part.path):
            while left:
                left = left[self._file.write(left) :]
        self.size += part.length
        return part

    def finish(self) -> None:
        """Add the lines of its networks, and give it its name."""
        with naming(self.path):
            self._file.close()
        lines = "\n".join(json.dumps(_line(network)) for network in self.networks)
        write_atomically(self._unfinished / "networks.jsonl", lines.encode())
        self._unfinished.rename(self.path)
        sync_folder(self.path.parent)


def _line(network: Kept) -> dict[str, Any]:
    line: dict[str, Any] = {
        "name": network.name,
        "record": network.record.model_dump(mode="json", exclude_none=True),
        "run": network.run.model_dump(mode="json"),
        "read": network.read,
    }
    for key, part in (("weights", network.weights), ("initial", network.initial)):
        if part is not None:
            line[key] = [part.offset, part.length]
    return line
