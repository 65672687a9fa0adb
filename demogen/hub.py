"""Push a zoo to the Hugging Face Hub or to a folder, and pull it back: every byte is checked.

What arrives is compared with zoo.json here, because the Hub's client looks at sizes only.
"""

import glob
import re
from contextlib import ExitStack
from pathlib import Path, PureWindowsPath

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import RemoteEntryNotFoundError
from huggingface_hub.hf_api import RepoFile
from tqdm import tqdm

from demogen.errors import CorruptZooError, ZooError
from demogen.hub_client import (
    BRANCH,
    connect,
    download,
    explained,
    head_of,
    is_fleeting,
    tree,
    without_xet_warning,
)
from demogen.integrity import (
    COMPANIONS,
    MANIFEST,
    companions,
    copy_zoo,
    fault_of,
    faults_of,
    file_digest,
    first_of,
    has_oid,
    replaced_files,
    verify_folder,
)
from demogen.schema import FileDigest, ZooManifest

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


def push(
    folder: Path,
    target: str,
    *,
    endpoint: str | None = None,
    token: str | None = None,
    private: bool = False,
    tag: str | None = None,
    progress: bool = True,
) -> str:
    """Publish a zoo: verified first, only what changed is sent, and read back at the end.

    On the Hub the contents are uploaded first, one after the other, and appear together in one
    commit, so a reader finds the old zoo or the new one. Run an interrupted push again: what was
    uploaded is not sent twice.

    Args:
        folder: the zoo's folder.
        target: a folder (starting with "/", "." or "~") or "owner/name" on the Hub.
        endpoint: address of another Hub.
        token: token with write access; default: that of `hf auth login` or HF_TOKEN.
        private: whether a repository that is not there yet is made private.
        tag: name for the published revision; an existing tag is never moved.
        progress: show a progress bar where standard error is a terminal.

    Returns:
        The commit hash on the Hub, or the target folder.

    Raises:
        CorruptZooError: a file is not what zoo.json says, here (nothing was sent) or as read back.
        ZooError: the target is no address, cannot be reached, or refuses.
    """
    if is_folder(target):
        if tag:
            raise ZooError(f"{target} is a folder and takes no tag; tags are for the Hub")
        place = Path(target).expanduser()
        copy_zoo(folder, place)
        return str(place)
    manifest = verify_folder(folder)
    api = connect(endpoint, token)
    with explained(f"cannot push to {target}", api):
        api.create_repo(target, repo_type="dataset", private=private, exist_ok=True)
        head = head_of(api, target)
        there = tree(api, target, head)
        contents = _contents(folder, manifest)
        changed = [path for path in contents if not _is_content(folder / path, there.get(path))]
        stale = _stale(api, target, head, there, manifest)
        if changed or stale:
            head = _commit(api, target, folder, changed, stale, manifest, head, progress)
            _check_tree(tree(api, target, head), folder, contents, f"{target}@{head[:12]}")
        if tag:
            _tag(api, target, tag, head)
    return head


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
        place = Path(source).expanduser()
        if folder is None:
            verify_folder(place)
    else:
        place = _fetch(source, revision, endpoint, token)
    if folder is None:
        return place
    copy_zoo(place, folder)
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
    api = connect(endpoint, token)
    place = _fetch_manifest(api, source, revision).parent
    commit = place.name
    text = (place / MANIFEST).read_bytes()
    manifest = ZooManifest.from_json(text, f"{source} at {commit[:12]}")
    with explained(f"cannot fetch {source} at {revision or commit}", api):
        try:
            api.snapshot_download(
                source,
                repo_type="dataset",
                revision=commit,
                allow_patterns=[*map(glob.escape, manifest.files), *COMPANIONS, MANIFEST],
            )
        except OSError as error:
            if not is_fleeting(error):
                raise
        for path, fault in faults_of(place, manifest).items():
            _repair(api, source, commit, path, fault, manifest.files[path])
        for path in companions(place):
            _as_named(api, source, place / path, path)
    return place


def _repair(
    api: HfApi, source: str, commit: str, path: str, fault: str, expected: FileDigest
) -> None:
    """Fetch a damaged or missing file once more."""
    try:
        again = fault_of(download(api, source, path, commit, again=True), expected)
    except RemoteEntryNotFoundError:
        again = "is missing"
    if again:
        raise CorruptZooError(
            f"zoo {source} at {commit[:12]}: {path} {again}, fetched twice (first it {fault}); "
            "ask its owner to push it again, or choose another revision"
        )


def _fetch_manifest(api: HfApi, source: str, revision: str | None) -> Path:
    """zoo.json in the cache, in the folder named by its commit."""
    what = f"cannot find {source} at revision {revision or BRANCH!r}"
    with explained(what, api):
        path = download(api, source, MANIFEST, revision or BRANCH)
        return _as_named(api, source, path, MANIFEST)


def _as_named(api: HfApi, source: str, local: Path, path: str) -> Path:
    """A file that zoo.json cannot vouch for, fetched once more if it arrived damaged.

    Where the file system has symbolic links, the cache names contents by the Hub's digest of them.
    """
    name = local.resolve().name
    if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", name) or has_oid(local, name):
        return local
    commit = local.parents[path.count("/")].name
    local = download(api, source, path, commit, again=True)
    if not has_oid(local, name):
        raise CorruptZooError(
            f"zoo {source} at {commit[:12]}: {path} arrives damaged, fetched twice; try again later"
        )
    return local


def _contents(folder: Path, manifest: ZooManifest) -> dict[str, FileDigest]:
    """Every file to publish; zoo.json is the last."""
    own = {path: file_digest(folder / path) for path in (*companions(folder), MANIFEST)}
    return {**manifest.files, **own}


def _is_content(path: Path, entry: RepoFile | None) -> bool:
    """Whether the Hub has this file's content, by size and digest."""
    if entry is None or entry.size != path.stat().st_size:
        return False
    return has_oid(path, entry.lfs.sha256 if entry.lfs else entry.blob_id)


def _stale(
    api: HfApi, target: str, head: str, there: dict[str, RepoFile], manifest: ZooManifest
) -> set[str]:
    """Files that belong to the zoo published now and not to the new one."""
    if MANIFEST not in there:
        return set()
    published = download(api, target, MANIFEST, head).read_bytes()
    return (set(replaced_files(published)) & set(there)) - set(manifest.files)


def _commit(
    api: HfApi,
    target: str,
    folder: Path,
    changed: list[str],
    stale: set[str],
    manifest: ZooManifest,
    head: str,
    progress: bool,
) -> str:
    total = sum((folder / path).stat().st_size for path in changed)
    disable = None if progress else True
    bar = tqdm(total=total, unit="B", unit_scale=True, desc="push", disable=disable)
    with ExitStack() as stack, bar, without_xet_warning():
        additions = []
        for path in changed:
            # An open file, because the client sends everything else by the Xet protocol, which
            # only the public Hub speaks.
            addition = CommitOperationAdd(path, stack.enter_context((folder / path).open("rb")))
            api.preupload_lfs_files(target, [addition], repo_type="dataset", revision=BRANCH)
            additions.append(addition)
            bar.update(addition.upload_info.size)
        deletions = [CommitOperationDelete(path, is_folder=False) for path in sorted(stale)]
        made = api.create_commit(
            target,
            [*additions, *deletions],
            commit_message=f"{manifest.name}: {manifest.networks} networks",
            repo_type="dataset",
            parent_commit=head,
        )
    return str(made.oid)


def _check_tree(
    there: dict[str, RepoFile], folder: Path, contents: dict[str, FileDigest], where: str
) -> None:
    """Compare what was published with what was sent."""
    faults = {}
    for path, sent in contents.items():
        entry = there.get(path)
        if entry is None:
            faults[path] = "is missing"
        elif entry.size != sent.bytes:
            faults[path] = f"is {entry.size:,} bytes long instead of {sent.bytes:,}"
        elif entry.lfs and entry.lfs.sha256 != sent.sha256:
            faults[path] = f"has sha256 {entry.lfs.sha256[:12]}… instead of {sent.sha256[:12]}…"
        elif not _is_content(folder / path, entry):
            faults[path] = "is not what was sent"
    if faults:
        raise CorruptZooError(f"{where} as read back: {first_of(faults)}; push again")


def _tag(api: HfApi, target: str, tag: str, commit: str) -> None:
    tags = {
        ref.name: ref.target_commit for ref in api.list_repo_refs(target, repo_type="dataset").tags
    }
    if tags.get(tag, commit) != commit:
        raise ZooError(
            f"{target} is pushed as {commit[:12]}, but its tag {tag!r} names {tags[tag][:12]} and "
            "is not moved; choose a new tag"
        )
    if tag not in tags:
        api.create_tag(target, tag=tag, revision=commit, repo_type="dataset")
