"""Whether a zoo's folder is what its zoo.json says, and writing it so that it always is."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from demogen._util.files import read_bounded
from demogen._util.parsing import UnreadableError
from demogen.errors import CorruptZooError, ZooError, naming
from demogen.format import parts
from demogen.format.links import refuse_links
from demogen.format.parts import is_part, remove_parts, scratch_folder
from demogen.schema.layout import CROISSANT, MANIFEST, is_companion
from demogen.schema.records import FileDigest, ZooManifest

__all__ = [
    "COMPANIONS",
    "MANIFEST",
    "companions",
    "copy_zoo",
    "fault_of",
    "faults_of",
    "file_digest",
    "file_sha256",
    "first_of",
    "has_oid",
    "read_manifest",
    "replaced_files",
    "replacing",
    "scratch_folder",
    "sync_file",
    "sync_folder",
    "verify_folder",
    "write_atomically",
]

COPYING = ".zoo.json.copying"
"""In a folder that a zoo is being copied to, until it is whole: a copy broken off is taken up."""

COMPANIONS = ["README.md", "croissant.json", "runs.parquet", "measurements/*.parquet"]
"""Patterns of the files that go along with a zoo but are outside its digest, if they are there."""

BLOCK = 1 << 20

_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EROFS)
"""What fsync says where a file system has none."""


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(path: Path) -> FileDigest:
    """Size and sha256 of a file, as zoo.json lists them."""
    return FileDigest(bytes=path.stat().st_size, sha256=file_sha256(path))


def has_oid(path: Path, oid: str) -> bool:
    """Whether a file has this id of the Hub: sha256 (64 digits) or git blob id (40)."""
    if len(oid) == 64:
        return file_sha256(path) == oid
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == oid


def companions(folder: Path) -> list[str]:
    """Paths of the files that go along with a zoo, outside its digest."""
    files = (path for pattern in COMPANIONS for path in sorted(folder.glob(pattern)))
    return list(filter(is_companion, (path.relative_to(folder).as_posix() for path in files)))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, even if the machine stops meanwhile."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to; it takes its place at `path` when the block ends without an error.

    It lies under a temporary name in the same folder until then, and is removed if the block fails.
    """
    with parts.replacing(path, sync_file) as file:
        yield file
    sync_folder(path.parent)


def sync_file(file: IO[Any]) -> None:
    """Make what was written to an open file last, where its file system can."""
    file.flush()
    with naming(str(file.name)):
        _sync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder last; nothing to do where folders cannot be opened."""
    if os.name == "nt":
        return
    try:
        number = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        with naming(folder):
            _sync(number)
    finally:
        os.close(number)


def _sync(number: int) -> None:
    try:
        os.fsync(number)
    except OSError as error:
        # Network drives and FUSE say so; what was written is there, if not yet for ever.
        if error.errno not in _NO_SYNC:
            raise


def fault_of(path: Path, expected: FileDigest) -> str | None:
    """What is wrong with one file, as the end of a sentence that starts with its name; else None.

    The size is looked at first, so that a short file costs no reading.
    """
    if not path.is_file():
        return "is missing"
    if (size := path.stat().st_size) != expected.bytes:
        return f"is {size:,} bytes long instead of {expected.bytes:,}"
    if (digest := file_sha256(path)) != expected.sha256:
        return f"has sha256 {digest[:12]}… instead of {expected.sha256[:12]}…"
    return None


def faults_of(folder: Path, manifest: ZooManifest) -> dict[str, str]:
    """Path → what is wrong, for every file of a zoo that is not what the manifest says."""
    faults = {path: fault_of(folder / path, digest) for path, digest in manifest.files.items()}
    return {path: fault for path, fault in faults.items() if fault}


def read_manifest(folder: Path) -> ZooManifest:
    """Read a folder's zoo.json; no other file is looked at.

    Raises:
        ZooError: the folder or its zoo.json is not there, or zoo.json is not one.
    """
    try:
        text = read_bounded(folder / MANIFEST)
    except UnreadableError as error:
        raise ZooError(f"{folder}: zoo.json is no manifest of a zoo: {error}") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        if not folder.is_dir():
            raise ZooError(f"{folder}: there is no such folder") from error
        raise ZooError(
            f"{folder} has no zoo.json: it is no zoo, or one that was never finished; "
            "run the command that makes it again"
        ) from error
    return ZooManifest.from_json(text, str(folder))


def verify_folder(folder: Path) -> ZooManifest:
    """Check every file of a zoo by size and sha256; none may be a link.

    Raises:
        ZooError: there is no zoo in the folder, or a symbolic link in its place.
        CorruptZooError: a file is missing or is not what zoo.json says; the first is named.
    """
    refuse_links(folder, [MANIFEST], cached=True)
    manifest = read_manifest(folder)
    refuse_links(folder, [*manifest.files, *companions(folder)], cached=True)
    if faults := faults_of(folder, manifest):
        raise CorruptZooError(
            f"zoo {manifest.name} in {folder}: {first_of(faults)}; make or pull it again"
        )
    return manifest


def first_of(faults: dict[str, str]) -> str:
    """The first fault, and how many more there are."""
    path = min(faults)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{path} {faults[path]}{more}"


def copy_zoo(source: Path, target: Path) -> None:
    """Copy a zoo to another folder: verified, only what differs, zoo.json last.

    A zoo in `target` loses its zoo.json before its first file changes, so a reader finds the old
    zoo, none, or the new one, and never parts of both. Files that only the old zoo had are removed.
    Nothing else in `target` is touched: what a zoo may hold is a closed list
    (`demogen.schema.layout`), and links are not followed.

    Raises:
        ZooError: there is no zoo in `source`, or `target` is neither empty nor a zoo, or one of the
            two has a link in place of a file; nothing was written.
        CorruptZooError: a file of `source` is not what its zoo.json says; nothing was written.
    """
    manifest = verify_folder(source)
    if target.exists() and source.samefile(target):
        return
    text, beside = (source / MANIFEST).read_bytes(), companions(source)
    replaced = _replaceable_files(target)
    refuse_links(target, {MANIFEST, COPYING, CROISSANT, *manifest.files, *beside, *replaced})
    remove_parts(target / below for below in ("", "splits", "shards", "measurements"))
    changed = faults_of(target, manifest)
    old_manifest = target / MANIFEST
    is_new = not old_manifest.is_file() or old_manifest.read_bytes() != text
    if changed or is_new:
        target.mkdir(parents=True, exist_ok=True)
        (target / COPYING).touch()
        old_manifest.unlink(missing_ok=True)
        sync_folder(target)
        # A description of the old zoo would not be true of the new one.
        for path in (replaced | {CROISSANT}) - {*manifest.files, *beside}:
            (target / path).unlink(missing_ok=True)
    for path in changed:
        _copy(source / path, target / path, manifest.files[path])
    for path in beside:
        _copy_if_changed(source / path, target / path)
    if not old_manifest.is_file():
        write_atomically(old_manifest, text)
    (target / COPYING).unlink(missing_ok=True)


def _replaceable_files(target: Path) -> set[str]:
    """The files that a zoo in this folder lists; none of a folder that is empty or not there.

    Raises:
        ZooError: the folder holds something else.
    """
    refuse_links(target, [MANIFEST, COPYING])
    if (target / MANIFEST).is_file():
        return set(read_manifest(target).files)
    if target.exists() and not (target / COPYING).is_file():
        if not target.is_dir():
            raise ZooError(f"{target} is no folder; choose another place for the zoo")
        if others := sorted(place.name for place in target.iterdir() if not is_part(place)):
            raise ZooError(
                f"{target} holds {others[0]!a:.80} and no zoo: a zoo goes into an empty folder, or "
                "over another zoo; choose another folder"
            )
    return set()


def replaced_files(text: bytes) -> Iterable[str]:
    """The files that an older zoo.json lists, so that those that a newer zoo lacks can be removed.

    None where it is unreadable, or lists what no zoo may hold.
    """
    try:
        return ZooManifest.from_json(text, "the older zoo").files
    except ZooError:
        return ()


def _copy(source: Path, target: Path, expected: FileDigest) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as reading, replacing(target) as writing:
        while block := _block(reading):
            digest.update(block)
            writing.write(block)
        if digest.hexdigest() != expected.sha256:
            raise CorruptZooError(f"{source} changed while it was copied; copy it again")


def _block(file: BinaryIO) -> bytes:
    with naming(file.name):
        return file.read(BLOCK)


def _copy_if_changed(source: Path, target: Path) -> None:
    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        write_atomically(target, content)
