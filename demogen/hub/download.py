"""Pull a zoo from the Hugging Face Hub or a folder: every byte is checked.

What arrives is compared with zoo.json here, because the Hub's client looks at sizes only.
"""

import glob
import re
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import RemoteEntryNotFoundError

from demogen._util.paths import expanded
from demogen.errors import CorruptZooError, ZooError
from demogen.format.integrity import (
    COMPANIONS,
    MANIFEST,
    companions,
    copy_zoo,
    fault_of,
    faults_of,
    verify_folder,
)
from demogen.hub import answers
from demogen.hub.client import (
    BRANCH,
    connect,
    download,
    explained,
    is_fleeting,
    verify_blob,
)
from demogen.schema.layout import is_companion
from demogen.schema.records import FileDigest, ZooManifest

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def is_folder(target: str) -> bool:
    """Whether a zoo's address is a folder (True) or "owner/name" on the Hub (False).

    Folders start with "/", "." or "~", or with a drive or a backslash.

    Raises:
        ZooError: it is neither.

    >>> is_folder("./zoos/digits"), is_folder("demogen/digits")
    (True, False)
    """
    if target.startswith(("/", ".", "~", "\\")) or PureWindowsPath(target).drive:
        return True
    if REPOSITORY.fullmatch(target):
        return False
    raise ZooError(
        f"{target!r} is neither a folder (write './{target}') nor a repository on the Hub "
        "('owner/name')"
    )


def pull(
    source: str,
    folder: Path | None = None,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
) -> Path:
    """Fetch a zoo and check every file of it by size and sha256.

    From the Hub it goes into the Hub's cache, at one commit; files that are there already are not
    fetched again, and a file that arrives damaged is fetched once more. With `folder` it is then
    copied there, so that folder holds a whole zoo or none.

    Args:
        source: a folder or "owner/name" on the Hub.
        folder: where to copy the zoo; default: leave it in the Hub's cache, or where it is.
        revision: branch, tag or commit; default: the newest.
        endpoint: address of another Hub.
        token: token with read access; default: that of `hf auth login` or HF_TOKEN.

    Returns:
        The folder the zoo is in.

    Raises:
        CorruptZooError: a file is not what zoo.json says, even when fetched again.
        ZooError: there is no such zoo or revision, or the Hub cannot be reached or refuses.
    """
    if is_folder(source):
        if revision:
            raise ZooError(f"{source} is a folder and has no revision {revision!r}; leave it out")
        fetched = expanded(source)
        if folder is None:
            verify_folder(fetched)
    else:
        fetched = _fetch(source, revision, endpoint, token)
    if folder is None:
        return fetched
    copy_zoo(fetched, folder)
    return folder


def resolve(
    source: str,
    revision: str | None = None,
    *,
    endpoint: str | None = None,
    token: str | None = None,
) -> str:
    """The commit hash that a branch or tag of a zoo on the Hub names now.

    Without a network it is the commit seen last.

    Raises:
        ZooError: there is no such zoo or revision, or the Hub cannot be reached or refuses.
    """
    return _fetch_manifest(connect(endpoint, token), source, revision).parent.name


def _fetch(source: str, revision: str | None, endpoint: str | None, token: str | None) -> Path:
    """The folder of a commit in the Hub's cache, with every file of the zoo fetched and checked."""
    api = connect(endpoint, token)
    snapshot = _fetch_manifest(api, source, revision).parent
    commit = snapshot.name
    text = (snapshot / MANIFEST).read_bytes()
    manifest = ZooManifest.from_json(text, f"{source} at {commit[:12]}")
    with explained(f"cannot fetch {source} at {revision or commit}", api):
        pinned: dict[str, Any] = {"repo_type": "dataset", "revision": commit}
        patterns = [*map(glob.escape, manifest.files), *COMPANIONS, MANIFEST]
        try:
            api.snapshot_download(
                source, allow_patterns=patterns, ignore_patterns=["measurements/*/*"], **pinned
            )
        except OSError as error:
            if not is_fleeting(error):
                raise
        # Where the client cannot list the repository, it is content with the files that it has; of
        # those that zoo.json does not list, nobody would notice below that one is missing.
        beside = [*COMPANIONS, MANIFEST]
        listed = api.snapshot_download(source, allow_patterns=beside, dry_run=True, **pinned)
        try:
            answers.check_whole({file.filename for file in listed}, commit)
        except answers.AnswerError:
            _forget_listing(snapshot.parents[1], commit)
            raise
        for file in listed:
            if file.will_download and is_companion(file.filename):
                download(api, source, file.filename, commit)
        for path, fault in faults_of(snapshot, manifest).items():
            _repair(api, source, commit, path, fault, manifest.files[path])
        for path in companions(snapshot):
            verify_blob(api, source, snapshot / path, path)
    return snapshot


def _forget_listing(repository: Path, commit: str) -> None:
    """Remove the list of a commit's files that the client keeps on disk, and in this process."""
    kept = repository / "trees" / f"{commit}.json"
    kept.unlink(missing_ok=True)
    # Not public: where the client changes, a new process still asks for the list again.
    with suppress(ImportError, AttributeError):
        from huggingface_hub import _tree_cache

        _tree_cache._IN_MEMORY_TREE_CACHE.pop(
            _tree_cache._tree_cache_path(str(repository), commit), None
        )


def _repair(
    api: HfApi, source: str, commit: str, path: str, fault: str, expected: FileDigest
) -> None:
    """Fetch a damaged or missing file once more."""
    try:
        second_fault = fault_of(download(api, source, path, commit, refetch=True), expected)
    except RemoteEntryNotFoundError:
        second_fault = "is missing"
    if second_fault:
        raise CorruptZooError(
            f"zoo {source} at {commit[:12]}: {path} {second_fault}, fetched twice (first it "
            f"{fault}); ask its owner to push it again, or choose another revision"
        )


def _fetch_manifest(api: HfApi, source: str, revision: str | None) -> Path:
    """zoo.json in the cache, in the folder named by its commit."""
    what = f"cannot find {source} at revision {revision or BRANCH!r}"
    with explained(what, api):
        path = download(api, source, MANIFEST, revision or BRANCH)
        return verify_blob(api, source, path, MANIFEST)
