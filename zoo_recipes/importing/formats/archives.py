"""Folders, .tar, .tar.gz and .zip files behind one interface; nothing is unpacked onto the disk.

A name is a path with "/" inside the archive. Names that lead out of it, or that stand there twice,
make the whole archive suspect and it is refused; links are never followed out of it.
"""

import io
import os
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import IO, Any, BinaryIO, Self, final

from demogen.errors import ArchiveError
from zoo_recipes.importing.formats.inflated import PIECE, Inflated, Point

MOST_FILES = 5_000_000


class Archive(ABC):
    """The files of one archive, by name.

    Attributes:
        path: of the folder or file; messages begin with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """Name → bytes, of every file in it.

        Raises:
            ArchiveError: a name leads out of the archive or stands there twice; or it is cut.
        """

    @abstractmethod
    def _open(self, name: str) -> IO[bytes]:
        """A file of `sizes`, read from its beginning."""

    def open(self, name: str) -> IO[bytes]:
        """A file, to be read from its beginning to its end and closed.

        Raises:
            ArchiveError: there is no such file.
        """
        if name not in self.sizes:
            raise ArchiveError(f"{self.path}: {name} is missing")
        try:
            return self._open(name)
        except _UNREADABLE as error:
            raise self._fault(name, error) from error

    def read(self, name: str, limit: int) -> bytes:
        """A whole file.

        Args:
            name: of the file.
            limit: bytes that it may have at most.

        Raises:
            ArchiveError: it is missing, larger than that, cut or damaged.
        """
        size = self._size(name, limit)
        with self.open(name) as file:
            try:
                content = file.read(size)
            except _UNREADABLE as error:
                raise self._fault(name, error) from error
        self._check_length(name, len(content), size)
        return content

    def read_into(self, name: str, limit: int, memory: Callable[[int], memoryview]) -> memoryview:
        """The same, into memory that is there already.

        Args:
            name: of the file.
            limit: bytes that it may have at most.
            memory: gives so many bytes to read into.

        Raises:
            ArchiveError: it is missing, larger than that, cut or damaged.
        """
        content = memory(self._size(name, limit))
        left = content
        with self.open(name) as opened:
            file: Any = opened
            try:
                while left and (count := file.readinto(left)):
                    left = left[count:]
            except _UNREADABLE as error:
                raise self._fault(name, error) from error
        self._check_length(name, len(content) - len(left), len(content))
        return content

    def _size(self, name: str, limit: int) -> int:
        size = self.sizes.get(name, 0)
        if size > limit:
            raise ArchiveError(
                f"{self.path}: {name} has {size:,} bytes; at most {limit:,} are read of such a file"
            )
        return size

    def _check_length(self, name: str, length: int, size: int) -> None:
        if length != size:
            raise ArchiveError(f"{self.path}: {name} ends after {length:,} of {size:,} bytes")

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Close the file, if there is one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fault(self, name: str, error: BaseException) -> ArchiveError:
        text = " ".join(str(error).split()) or type(error).__name__
        return ArchiveError(f"{self.path}: {name} cannot be read ({text})")


_UNREADABLE = (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, RuntimeError)
# zipfile raises RuntimeError for encrypted files, NotImplementedError (one of them) for methods.


def open_archive(path: Path | str) -> Archive:
    """A folder, or a .tar, .tar.gz or .zip file, told apart by what it holds.

    Raises:
        ArchiveError: there is nothing, or something else.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _Folder(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
        if head[:2] == b"\x1f\x8b":
            return _Gzipped(path)
        # A tar may end with a zip file, such as torch writes; so it is asked for first.
        if head[257:262] == b"ustar":
            return _Tar(path)
        if zipfile.is_zipfile(path):
            return _Zip(path)
        if tarfile.is_tarfile(path):
            return _Tar(path)
    except FileNotFoundError as error:
        raise ArchiveError(f"{path}: there is no such folder or file") from error
    except _UNREADABLE as error:
        raise ArchiveError(f"{path} cannot be read ({error})") from error
    raise ArchiveError(f"{path} is neither a folder nor a .tar, .tar.gz or .zip file")


@final
class _Folder(Archive):
    """A folder; links in it are followed only where they stay in it."""

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        found = {}
        for place, folders, files in os.walk(self.path, followlinks=False):
            folders.sort()
            inner = Path(place).relative_to(self.path)
            for file in sorted(files):
                full = Path(place, file)
                if not full.is_symlink() or self._stays(full):
                    found[(inner / file).as_posix()] = full.stat().st_size
            _check_count(self.path, len(found))
        return found

    def _stays(self, link: Path) -> bool:
        target = link.resolve()
        return target.is_relative_to(self.path.resolve()) and target.is_file()

    def _open(self, name: str) -> BinaryIO:
        return (self.path / name).open("rb")


@final
class _Zip(Archive):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = zipfile.ZipFile(path)

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        entries = [(entry.filename, entry) for entry in self._file.infolist()]
        files = _checked_names(self.path, entries)
        # Unix keeps what kind of file it is in the upper half; 0o12 is a link.
        kept = {
            name: entry
            for name, entry in files.items()
            if not entry.is_dir() and entry.external_attr >> 28 != 0o12
        }
        self._entries = kept
        return {name: entry.file_size for name, entry in kept.items()}

    def _open(self, name: str) -> IO[bytes]:
        return self._file.open(self._entries[name])

    def close(self) -> None:
        self._file.close()


@final
class _Tar(Archive):
    """An uncompressed tar: files are read where they lie."""

    @cached_property
    def _members(self) -> Mapping[str, tarfile.TarInfo]:
        with self.path.open("rb") as file:
            return _tar_members(self.path, file)

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: member.size for name, member in self._members.items()}

    def _open(self, name: str) -> IO[bytes]:
        member = self._members[name]
        return io.BufferedReader(_FilePart(self.path, member.offset_data, member.size), PIECE)


@final
class _FilePart(io.RawIOBase):
    """Bytes of a file from an offset on, as a file of its own."""

    def __init__(self, path: Path, offset: int, length: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._file.seek(offset)
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left]
        count = self._file.readinto(view) or 0
        self._left -= count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@final
class _Gzipped(Archive):
    """A compressed tar, read twice at most: once for the names, once for the files in their order.

    While names are read, the state of the decompressor is kept again and again; a file that is
    read out of order begins at the point before it.
    """

    @cached_property
    def _members(self) -> Mapping[str, tarfile.TarInfo]:
        self._points: list[Point] = []
        self._stream: Inflated | None = None
        self._reading = Lock()
        with self.path.open("rb") as file:
            stream = Inflated(file, self._points, None)
            return _tar_members(self.path, io.BufferedReader(stream, PIECE))

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: member.size for name, member in self._members.items()}

    def _open(self, name: str) -> IO[bytes]:
        member = self._members[name]
        with self._reading:
            return io.BytesIO(self._content(member.offset_data, member.size))

    def _content(self, offset: int, size: int) -> bytes:
        stream = self._stream
        point = max((p for p in self._points if p.unpacked <= offset), key=lambda p: p.unpacked)
        if stream is None or not point.unpacked <= stream.position <= offset:
            self.close()
            stream = self._stream = Inflated(self.path.open("rb"), None, point)
        stream.skip(offset - stream.position)
        return stream.read(size) or b""

    def close(self) -> None:
        if "_members" in self.__dict__ and self._stream is not None:
            self._stream.file.close()
            self._stream = None


def _tar_members(path: Path, file: IO[bytes]) -> Mapping[str, tarfile.TarInfo]:
    """The regular files of a tar, by name."""
    entries: list[tuple[str, tarfile.TarInfo]] = []
    try:
        # "r|": strictly forward, as a compressed file must be read; "r:" jumps where it can.
        mode: Any = "r:" if file.seekable() else "r|"
        with tarfile.open(fileobj=file, mode=mode) as opened:
            tar: Any = opened
            for member in tar:
                entries.append((member.name, member))
                # Else it would keep every header as well.
                tar.members = []
                _check_count(path, len(entries))
    except _UNREADABLE as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(f"{path} is cut or damaged ({text}); fetch it again") from error
    checked = _checked_names(path, entries)
    return {name: member for name, member in checked.items() if member.isreg()}


def _checked_names(path: Path, entries: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Entries by their names without "./"; refused where one leads out, or two are one file."""
    checked: dict[str, Any] = {}
    for written, entry in entries:
        parts = [part for part in written.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        strange = "\\" in written or ":" in written[:2] or not written.isprintable()
        if ".." in parts or written.startswith("/") or strange:
            raise ArchiveError(f"{path}: the name {written!r} leads out of the archive; refused")
        is_folder = written.endswith("/") or (isinstance(entry, tarfile.TarInfo) and entry.isdir())
        if is_folder:
            continue
        if name in checked:
            raise ArchiveError(f"{path}: the name {written!r} stands there twice; refused")
        checked[name] = entry
    return checked


def _check_count(path: Path, count: int) -> None:
    if count > MOST_FILES:
        raise ArchiveError(f"{path} holds more than {MOST_FILES:,} files")
