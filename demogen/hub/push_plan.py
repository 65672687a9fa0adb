"""What a push has to do, decided before anything is sent: commits, each a list of files."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import final

from huggingface_hub.hf_api import RepoFile

from demogen.format.integrity import COMPANIONS, MANIFEST, has_oid, replaced_files
from demogen.schema.records import FileDigest

COMMIT_FILES = 50
"""Files in one commit; the Hub asks for no more than 50 to 100."""

CARD = "README.md"

_SHARD = re.compile(r"shards/[0-9]+\.tar")


@final
@dataclass(frozen=True)
class Local:
    """A file to publish: where it lies here, and what it must hold."""

    path: Path
    digest: FileDigest

    def fault_of(self, entry: RepoFile | None) -> str | None:
        """What is wrong with the Hub's file, as the end of a sentence; None: it is this one.

        Raises:
            OSError: the file here cannot be read.
        """
        if entry is None:
            return "is missing"
        if entry.size != self.digest.bytes:
            return f"is {entry.size:,} bytes long instead of {self.digest.bytes:,}"
        if entry.lfs:
            if entry.lfs.sha256 == self.digest.sha256:
                return None
            return f"has sha256 {entry.lfs.sha256[:12]}… instead of {self.digest.sha256[:12]}…"
        return None if has_oid(self.path, entry.blob_id) else "is not what was sent"


@final
@dataclass(frozen=True)
class Plan:
    """The commits of a push.

    Attributes:
        unseen: paths of each commit that goes ahead: no reader of the published zoo looks there.
        last: paths of the last commit, which makes the new zoo visible.
        gone: paths that the last commit removes.
    """

    unseen: tuple[tuple[str, ...], ...]
    last: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """All files to send, in order."""
        return [path for commit in (*self.unseen, self.last) for path in commit]

    @property
    def changes(self) -> int:
        """How many files are sent or removed."""
        return len(self.paths) + len(self.gone)


def make_plan(
    wanted: Mapping[str, Local], there: Mapping[str, RepoFile], published: bytes | None
) -> Plan:
    """What to commit so that the Hub holds what is wanted.

    zoo.json and the card come last, together with every file that readers of the zoo published
    now may look at, so that none of them meets a file of the new zoo.

    Args:
        wanted: path → file of the zoo to publish.
        there: path → file on the Hub.
        published: the zoo.json on the Hub; None: there is none.

    Raises:
        OSError: a file here cannot be read.
    """
    changed = [path for path in wanted if wanted[path].fault_of(there.get(path))]
    seen, gone = {CARD, MANIFEST}, set[str]()
    if published is not None:
        listed = set(replaced_files(published))
        # A zoo.json that cannot be read may be of a later demogen's: it may list any file.
        seen |= {path for path in wanted if _is_companion(path)} | (listed or set(there))
        # Shards that nobody lists are left from a push that was interrupted and then overtaken;
        # whoever reads all of shards/ would take them for networks of the zoo.
        left = {path for path in there if listed and _SHARD.fullmatch(path)}
        gone = ((listed & set(there)) | left) - set(wanted)
    ahead = [path for path in changed if path not in seen]
    unseen = (
        tuple(ahead[start : start + COMMIT_FILES]) for start in range(0, len(ahead), COMMIT_FILES)
    )
    last = tuple(path for path in changed if path in seen)
    return Plan(tuple(unseen), last, tuple(sorted(gone)))


def is_part(
    proposed: Mapping[str, RepoFile],
    base: Mapping[str, RepoFile],
    wanted: Mapping[str, Local],
    gone: Collection[str],
) -> bool:
    """Whether files were made from `base` by a part of this push, or by all of it."""
    differing = {
        path
        for path in {*proposed, *base}
        if path not in proposed or path not in base or proposed[path].blob_id != base[path].blob_id
    }
    return bool(differing) and all(
        wanted[path].fault_of(proposed.get(path)) is None
        if path in wanted
        else path in gone and path not in proposed
        for path in differing
    )


def _is_companion(path: str) -> bool:
    """Whether readers take a file along without zoo.json listing it."""
    return any(PurePosixPath(path).match(pattern) for pattern in COMPANIONS)
