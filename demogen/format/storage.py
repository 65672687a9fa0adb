"""Where the files of a zoo lie: a folder here, or a repository (`demogen.hub.storage`)."""

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from demogen._util.limits import FILE_BYTES
from demogen.errors import CorruptZooError, ZooError, os_fault
from demogen.format.integrity import MANIFEST, fault_of
from demogen.schema.records import FileDigest, sha256

PIECE = 1 << 18
"""Bytes read of a file at once: few enough to stay in the processor's cache until they are used."""

MANIFEST_BYTES = FILE_BYTES
"""More than zoo.json of any real zoo has."""


class Storage(abc.ABC):
    """The files of one zoo at one revision, by their path in it.

    What is read is not checked here: the zoo compares it with zoo.json and its table, and reads
    once more, past any cache (`refetch`), what is wrong. Immutable; may be pickled and used by
    several threads at once.
    """

    @property
    @abc.abstractmethod
    def where(self) -> str:
        """What messages call it."""

    @property
    @abc.abstractmethod
    def revision(self) -> str:
        """The commit that is read; "" where there are none."""

    @property
    @abc.abstractmethod
    def published(self) -> str:
        """The repository on the Hub, "owner/name"; "" for a folder."""

    @property
    @abc.abstractmethod
    def streams(self) -> int:
        """How many reads should run at the same time."""

    @abc.abstractmethod
    def local(self, path: str, *, refetch: bool = False) -> Path:
        """A whole file on this machine.

        Args:
            path: of the file in the zoo.
            refetch: fetch it anew, past any cache.

        Raises:
            CorruptZooError: the storage has no such file.
            ZooError: it cannot be fetched.
        """

    @abc.abstractmethod
    def stream(
        self, path: str, start: int, length: int, *, refetch: bool = False
    ) -> Iterator[bytes]:
        """Bytes [start, start + length) of a file, piece by piece; fewer where it ends before.

        Args:
            path: of the file in the zoo.
            start: first byte.
            length: number of bytes.
            refetch: read them anew, past any cache.

        Raises:
            CorruptZooError: there is no such file.
            ZooError: it cannot be read.
        """

    @abc.abstractmethod
    def check(self, files: Mapping[str, FileDigest]) -> None:
        """Compare sizes with zoo.json, where that takes no reading.

        Raises:
            CorruptZooError: one is missing or is not as long as it should be.
        """


@final
@dataclass(frozen=True)
class Folder(Storage):
    """A zoo in a folder of this machine."""

    place: Path

    def __reduce__(self) -> tuple[object, ...]:
        # Whoever gets it may work in another folder.
        return Folder, (self.place.absolute(),)

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.place)

    @property
    def revision(self) -> str:
        """A folder has none."""
        return ""

    @property
    def published(self) -> str:
        """Nowhere."""
        return ""

    @property
    def streams(self) -> int:
        """One reads while another is checked."""
        return 2

    def local(self, path: str, *, refetch: bool = False) -> Path:
        """The file itself."""
        return self.place / path

    def stream(
        self, path: str, start: int, length: int, *, refetch: bool = False
    ) -> Iterator[bytes]:
        """A part of the file."""
        try:
            with (self.place / path).open("rb") as file:
                file.seek(start)
                while length and (piece := file.read(min(length, PIECE))):
                    length -= len(piece)
                    yield piece
        except FileNotFoundError as error:
            raise CorruptZooError(f"{self.place}: {path} is missing; fetch it again") from error
        except OSError as error:
            raise ZooError(f"{self.place / path} cannot be read: {os_fault(error)}") from error

    def check(self, files: Mapping[str, FileDigest]) -> None:
        """Compare sizes."""
        for path, expected in files.items():
            file = self.place / path
            if not file.is_file():
                raise CorruptZooError(f"{self.place}: {path} is missing; fetch the zoo again")
            if (size := file.stat().st_size) != expected.bytes:
                raise CorruptZooError(
                    f"{self.place}: {path} has {size} bytes, zoo.json says {expected.bytes}; "
                    "fetch the zoo again"
                )


def manifest_text(storage: Storage) -> bytes:
    """What zoo.json holds.

    Raises:
        CorruptZooError: it is too large to be one.
        ZooError: it cannot be read.
    """
    file = storage.local(MANIFEST)
    try:
        if file.stat().st_size > MANIFEST_BYTES:
            raise CorruptZooError(f"{storage.where}: zoo.json is larger than any real one")
        return file.read_bytes()
    except OSError as error:
        raise ZooError(f"{file} cannot be read: {os_fault(error)}") from error


def checked_content(storage: Storage, path: str, expected: FileDigest, where: str) -> bytes:
    """A file, read once: what was checked is what is used, whatever happens to the file later.

    Args:
        storage: where it lies.
        path: of the file in the zoo.
        expected: what zoo.json says of it; else it is fetched once more.
        where: the zoo, in messages.

    Raises:
        CorruptZooError: it is not what zoo.json says.
        ZooError: it cannot be read.
    """
    fault = None
    for refetch in (False, True):
        file = storage.local(path, refetch=refetch)
        try:
            if file.is_file() and file.stat().st_size == expected.bytes:
                content = file.read_bytes()
                if sha256(content) == expected.sha256:
                    return content
            fault = fault_of(file, expected)
        except OSError as error:
            raise ZooError(f"{file} cannot be read: {os_fault(error)}") from error
    fault = fault or "changed while it was read"
    raise CorruptZooError(f"{where}: {path} {fault}; fetch or publish the zoo again")
