"""What a push has to do, decided before anything is sent: commits, each a list of files."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from huggingface_hub.hf_api import RepoFile

from demogen.format.integrity import has_oid, replaced_files
from demogen.schema.layout import CARD, CROISSANT, MANIFEST, is_companion, is_listed_path
from demogen.schema.records import FileDigest

COMMIT_FILES = 50
"""Files in one commit; the Hub asks for no more than 50 to 100."""


@final
@dataclass(frozen=True)
class LocalFile:
    """A file to publish: where it lies here, and what it must hold."""

    path: Path
    digest: FileDigest

    def fault_of(self, entry: RepoFile | None) -> str | None:
        """What is wrong with the Hub's file, as the end of a sentence; None: it holds the same.

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
class PushPlan:
    """The commits of a push.

    Attributes:
        unseen: paths of each commit that goes ahead: no reader of the published zoo looks there.
        last: paths of the last commit, which makes the new zoo visible.
        removed: paths that the last commit removes.
    """

    unseen: tuple[tuple[str, ...], ...]
    last: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """All files to send, in order."""
        return [path for commit in (*self.unseen, self.last) for path in commit]

    @property
    def changes(self) -> int:
        """How many files are sent or removed."""
        return len(self.paths) + len(self.removed)


def make_plan(
    files: Mapping[str, LocalFile], remote: Mapping[str, RepoFile], published: bytes | None
) -> PushPlan:
    """What to commit so that the Hub holds these files.

    zoo.json, the card and croissant.json come last, together with every file that readers of the
    zoo published now may look at, so that none of them meets a file of the new zoo.

    Args:
        files: path → file of the zoo to publish.
        remote: path → file on the Hub.
        published: the zoo.json on the Hub; None: there is none.

    Raises:
        OSError: a file here cannot be read.
    """
    changed = [path for path in files if files[path].fault_of(remote.get(path))]
    visible, removed = {CARD, CROISSANT, MANIFEST}, set[str]()
    if published is not None:
        listed = set(replaced_files(published))
        # A zoo.json that cannot be read may be that of a later demogen, and may list any file.
        visible |= {path for path in files if is_companion(path)} | (listed or set(remote))
        # Shards that no zoo.json lists are left from a push that was interrupted and never taken
        # up; whoever reads all of shards/ would take them for networks of the zoo.
        unlisted = {path for path in remote if listed and _is_shard(path)}
        removed = ((listed & set(remote)) | unlisted) - set(files)
    ahead = [path for path in changed if path not in visible]
    unseen = (
        tuple(ahead[start : start + COMMIT_FILES]) for start in range(0, len(ahead), COMMIT_FILES)
    )
    last = tuple(path for path in changed if path in visible)
    return PushPlan(tuple(unseen), last, tuple(sorted(removed)))


def is_part(
    proposed: Mapping[str, RepoFile],
    base: Mapping[str, RepoFile],
    files: Mapping[str, LocalFile],
    removed: Collection[str],
) -> bool:
    """Whether a part of this push, or all of it, has made `proposed` from `base`.

    Args:
        proposed: path → file of a pull request.
        base: path → file of the commit that it started from.
        files: path → file to publish.
        removed: paths that the push removes.
    """
    differing = {
        path
        for path in {*proposed, *base}
        if path not in proposed or path not in base or proposed[path].blob_id != base[path].blob_id
    }
    return bool(differing) and all(
        files[path].fault_of(proposed.get(path)) is None
        if path in files
        else path in removed and path not in proposed
        for path in differing
    )


def _is_shard(path: str) -> bool:
    return path.startswith("shards/") and is_listed_path(path)
