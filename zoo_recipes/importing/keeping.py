"""What an import has read so far, on the disk until its zoo is whole: pieces of many networks each.

A piece is a folder with `networks.jsonl`, a line a network, and `weights`, their safetensors files
one after the other. It is written under another name and renamed: it is there whole or not at all.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ArchiveError
from demogen.format.integrity import replacing, sync_folder, write_atomically
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
    weights: bytes
    initial: bytes | None = None


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
        self._waiting: list[Read] = []
        self._waiting_bytes = 0
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

    def put(self, network: Read) -> None:
        """Keep a network; it is on the disk when its piece is full, or after `flush`."""
        self._waiting.append(network)
        self._waiting_bytes += len(network.weights) + len(network.initial or b"")
        if self._waiting_bytes >= PIECE_BYTES or len(self._waiting) >= PIECE_NETWORKS:
            self.flush()

    def flush(self) -> None:
        """Write the piece that is not full yet."""
        if not self._waiting:
            return
        # Not their count: a damaged one may have been removed.
        number = int(self._pieces[-1].name) + 1 if self._pieces else 0
        name = f"{number:06}"
        unfinished = self.path / f".{name}"
        unfinished.mkdir()
        lines, offset = [], 0
        contents = []
        for network in self._waiting:
            line: dict[str, Any] = {
                "name": network.name,
                "record": network.record.model_dump(mode="json", exclude_none=True),
                "run": network.run.model_dump(mode="json"),
                "read": network.read,
            }
            for key, content in (("weights", network.weights), ("initial", network.initial)):
                if content is not None:
                    line[key] = [offset, len(content)]
                    offset += len(content)
                    contents.append(content)
            lines.append(json.dumps(line))
        with replacing(unfinished / "weights") as file:
            file.writelines(contents)
        write_atomically(unfinished / "networks.jsonl", "\n".join(lines).encode())
        unfinished.rename(self.path / name)
        sync_folder(self.path)
        self._pieces.append(self.path / name)
        self._waiting.clear()
        self._waiting_bytes = 0

    @property
    def is_empty(self) -> bool:
        """Whether no network is on the disk."""
        return not self._pieces

    def kept(self) -> Iterator[Kept]:
        """The networks on the disk, in the order in which they were put."""
        for piece in self._pieces:
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
