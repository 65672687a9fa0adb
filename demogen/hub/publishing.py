"""Publish a zoo: to a repository on the Hugging Face Hub, or to a folder."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import DatasetInfo, RepoFile

from demogen._util.paths import expanded
from demogen.errors import CorruptZooError, ZooError, naming
from demogen.format.card import folder_card, is_sealed
from demogen.format.croissant import folder_croissant
from demogen.format.croissant import is_sealed as is_sealed_croissant
from demogen.format.integrity import (
    MANIFEST,
    companions,
    copy_zoo,
    file_digest,
    file_sha256,
    first_of,
    has_oid,
    read_manifest,
    verify_folder,
)
from demogen.hub.answers import check_commit
from demogen.hub.client import BRANCH, TIMEOUTS, Kind, connect, download, explained, tree
from demogen.hub.commits import CommitLine
from demogen.hub.download import is_folder
from demogen.hub.errors import BY_STATUS
from demogen.hub.progress import upload_bar
from demogen.hub.push_plan import LocalFile, PushPlan, is_part, make_plan
from demogen.hub.retry import REFUSED, with_retries
from demogen.schema.layout import CARD, CROISSANT
from demogen.schema.records import ZooManifest

TAG = re.compile(r"(?!.*(\.\.|\.lock$|\.$))[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of tags that git takes and that need no quoting anywhere."""

PROPOSALS = 20
"""Pull requests, the newest ones, among which an unfinished one of this push is looked for."""


@final
@dataclass(frozen=True)
class Published:
    """What a push made.

    Attributes:
        target: the folder, or "owner/name".
        digest: the zoo's digest: sha256 of its zoo.json.
        commit: on the Hub; "" for a folder.
        address: page on the Hub of the repository, or of the pull request; "" for a folder.
        changes: files sent or removed; 0: all was there already.
        proposed: whether it is a pull request, which readers see once it is merged.
        tag: what was tagged, or "".
        endpoint: address of another Hub, or "".
    """

    target: str
    digest: str
    commit: str = ""
    address: str = ""
    changes: int = 0
    proposed: bool = False
    tag: str = ""
    endpoint: str = ""

    def report(self) -> str:
        """Lines that say what was published, where, and the call that reads it."""
        facts = {
            "pull request" if self.proposed else "repository": self.address,
            "commit": self.commit,
            "digest": f"sha256:{self.digest}",
        }
        arguments = {
            "": self.target,
            "revision=": self.tag or self.commit,
            "endpoint=": self.endpoint,
        }
        call = ", ".join(
            name + json.dumps(value, ensure_ascii=False)
            for name, value in arguments.items()
            if value
        )
        lines = [f"  {name:12}  {value}" for name, value in facts.items() if value]
        return "\n".join([*lines, f"  demogen.load_zoo({call})"])


def push(
    folder: Path,
    target: str,
    *,
    endpoint: str | None = None,
    token: str | None = None,
    private: bool = False,
    tag: str | None = None,
    pull_request: bool = False,
    progress: bool = True,
    check: Callable[[Path], object] = read_manifest,
) -> Published:
    """Publish a zoo: verified first, only what changed is sent, and read back at the end.

    On the Hub, new files go ahead in commits that no reader notices; the last commit makes them
    visible, so a reader finds the old zoo or the new one. Run an interrupted push again: what was
    uploaded or committed is not sent twice. The card that demogen wrote gets the repository's
    name; one that was edited is sent as it is.

    Args:
        folder: the zoo's folder.
        target: a folder (starting with "/", "." or "~") or "owner/name" on the Hub.
        endpoint: address of another Hub.
        token: token with write access; default: that of `hf auth login` or HF_TOKEN.
        private: whether a repository that is not there yet is made private.
        tag: name for the published revision; an existing tag is never moved.
        pull_request: propose it to the repository's owner; needs no right to write there.
        progress: show a progress bar where standard error is a terminal.
        check: called with the folder before anything is sent, to check more than its files.

    Raises:
        CorruptZooError: a file is not what zoo.json says, here (nothing was sent) or as read back.
        ZooError: there is no zoo in the folder; or the target is no address, cannot be reached, or
            refuses; or somebody else pushes to it at the same time.
    """
    if is_folder(target):
        return _copy(folder, target, tag, pull_request, check)
    _check_options(target, tag, private, pull_request)
    api = connect(endpoint, token)
    check(folder)
    with explained(f"cannot push to {target}", api), _files_to_publish(folder, target) as files:
        require_login(api, target)
        info = _repository(api, target, private, pull_request)
        head = check_commit(info.sha, "its last commit")
        base = listing(api, target, head)
        plan = make_plan(files, base, _manifest(api, target, head, base, files[MANIFEST]))
        if tag:
            _check_tag(api, target, tag, head, plan)
        line = CommitLine(api, target, head, proposes=pull_request)
        if pull_request and plan.changes:
            plan = resume(api, line, base, plan, files)
        if plan.changes:
            _commit_all(plan, line, files, read_manifest(folder), progress)
            where = f"{target}@{line.head[:12]}"
            check_published(listing(api, target, line.head), files, where)
        if tag:
            _tag(api, target, tag, line.head)
    page = f"{api.endpoint}/datasets/{target}"
    return Published(
        target=target,
        digest=files[MANIFEST].digest.sha256,
        commit=line.head,
        address=page if line.request is None else f"{page}/discussions/{line.request}",
        changes=plan.changes,
        proposed=line.request is not None,
        tag=tag or "",
        endpoint=endpoint or "",
    )


def _copy(
    folder: Path,
    target: str,
    tag: str | None,
    pull_request: bool,
    check: Callable[[Path], object],
) -> Published:
    if tag:
        raise ZooError(f"{target} is a folder and takes no tag; tags are for the Hub")
    if pull_request:
        raise ZooError(f"{target} is a folder and takes no pull request; they are for the Hub")
    check(folder)
    copied = expanded(target)
    copy_zoo(folder, copied)
    return Published(str(copied), file_sha256(copied / MANIFEST))


def _check_options(target: str, tag: str | None, private: bool, pull_request: bool) -> None:
    if tag and pull_request:
        raise ZooError("a pull request takes no tag; push with the tag once it is merged")
    if private and pull_request:
        raise ZooError(f"a pull request cannot make {target} private; leave one of the two out")
    if tag and (not TAG.fullmatch(tag) or tag == BRANCH or re.fullmatch("[0-9a-f]{40}", tag)):
        raise ZooError(f"{tag!r} is no name for a tag; take letters, digits, dots: v1, say")


@contextmanager
def _files_to_publish(folder: Path, target: str) -> Iterator[dict[str, LocalFile]]:
    """Every file to publish, by its path in the repository, with descriptions made for it.

    These are the card and croissant.json.

    Raises:
        CorruptZooError: a file is missing or is not what zoo.json says.
    """
    manifest = verify_folder(folder)
    files = {path: LocalFile(folder / path, digest) for path, digest in manifest.files.items()}
    for path in (*companions(folder), MANIFEST):
        files[path] = LocalFile(folder / path, file_digest(folder / path))
    with tempfile.TemporaryDirectory(prefix="demogen-push-") as scratch:
        for path, written, make in (
            (CARD, is_sealed, _card),
            (CROISSANT, is_sealed_croissant, folder_croissant),
        ):
            if path not in files or written(files[path].path.read_bytes()):
                made = Path(scratch) / path
                with naming(made):
                    made.write_bytes(make(folder, manifest, target))
                files[path] = LocalFile(made, file_digest(made))
        yield files


def _card(folder: Path, manifest: ZooManifest, target: str) -> bytes:
    return folder_card(folder, manifest, target).encode()


def _repository(api: HfApi, target: str, private: bool, pull_request: bool) -> DatasetInfo:
    """The repository, made if it is not there and the zoo is not only proposed to it.

    Raises:
        ZooError: it is to be private and is not.
    """
    info: DatasetInfo | None
    try:
        info = information(api, target)
    except RepositoryNotFoundError:
        if pull_request:
            raise
        info = None
    # Not in the handler, where an error of what follows would be explained by this one.
    if info is None:
        with_retries(
            lambda: api.create_repo(target, repo_type="dataset", private=private, exist_ok=True),
            REFUSED,
        )
        info = information(api, target)
    if private and not info.private:
        raise ZooError(
            f"{target} is there already and public; make it private on its page, or push without "
            "asking for that"
        )
    return info


def require_login(api: HfApi, target: str) -> None:
    """Refuse before anything is sent where there is no token.

    Raises:
        ZooError: there is none.
    """
    if api.token is None and huggingface_hub.get_token() is None:
        raise ZooError(f"cannot push to {target}: {BY_STATUS[401]}")


def information(api: HfApi, target: str) -> DatasetInfo:
    """What the Hub says of the main branch of a repository."""
    return with_retries(lambda: api.dataset_info(target, revision=BRANCH, timeout=TIMEOUTS[1]))


def listing(api: HfApi, target: str, revision: str, kind: Kind = "dataset") -> dict[str, RepoFile]:
    """Path → file, of every file of a commit."""
    return with_retries(lambda: tree(api, target, revision, kind))


def _manifest(
    api: HfApi, target: str, head: str, remote: Mapping[str, RepoFile], local_manifest: LocalFile
) -> bytes | None:
    """The zoo.json on the Hub; None: there is none."""
    if MANIFEST not in remote:
        return None
    entry = remote[MANIFEST]
    if local_manifest.fault_of(entry) is None:
        return local_manifest.path.read_bytes()
    oid = entry.lfs.sha256 if entry.lfs else entry.blob_id
    for refetch in (False, True):
        local = download(api, target, MANIFEST, head, refetch=refetch)
        if has_oid(local, oid):
            return local.read_bytes()
    raise ZooError(f"cannot push to {target}: its zoo.json arrives damaged; try again later")


def resume(
    api: HfApi,
    line: CommitLine,
    base: Mapping[str, RepoFile],
    plan: PushPlan,
    files: Mapping[str, LocalFile],
) -> PushPlan:
    """The plan for what an earlier run of this push left to do in the pull request that it opened.

    `line` then goes on with that pull request. Without one, the plan as it is.
    """
    refs = with_retries(
        lambda: api.list_repo_refs(line.target, repo_type="dataset", include_pull_requests=True)
    )
    opened = {int(ref.ref.rpartition("/")[2]): ref for ref in refs.pull_requests or ()}
    for number in sorted(opened, reverse=True)[:PROPOSALS]:
        proposed = listing(api, line.target, opened[number].target_commit)
        if is_part(proposed, base, files, plan.removed):
            line.head, line.request = opened[number].target_commit, number
            rest = make_plan(files, proposed, None)
            removed = tuple(path for path in plan.removed if path in proposed)
            return PushPlan(rest.unseen, rest.last, removed)
    return plan


def _commit_all(
    plan: PushPlan,
    line: CommitLine,
    files: Mapping[str, LocalFile],
    manifest: ZooManifest,
    progress: bool,
) -> None:
    ahead = sum(map(len, plan.unseen))
    done = 0
    with upload_bar(sum(files[path].digest.bytes for path in plan.paths), enabled=progress) as bar:
        for paths in plan.unseen:
            done += len(paths)
            line.commit(paths, files, f"{manifest.name}: {done} of {ahead} new files", bar)
        if plan.last or plan.removed:
            title = f"{manifest.name}: {manifest.networks} networks"
            line.commit(plan.last, files, title, bar, plan.removed)


def check_published(
    remote: Mapping[str, RepoFile], files: Mapping[str, LocalFile], where: str
) -> None:
    """Compare sizes and digests of the Hub's files with those of the files that were sent.

    Raises:
        CorruptZooError: a file is missing or is another; the first is named.
    """
    checked = {path: local.fault_of(remote.get(path)) for path, local in files.items()}
    if faults := {path: fault for path, fault in checked.items() if fault}:
        raise CorruptZooError(f"{where} as read back: {first_of(faults)}; push again")


def _tags(api: HfApi, target: str) -> dict[str, str]:
    """Tag → commit."""
    refs = with_retries(lambda: api.list_repo_refs(target, repo_type="dataset"))
    return {ref.name: ref.target_commit for ref in refs.tags}


def _check_tag(api: HfApi, target: str, tag: str, head: str, plan: PushPlan) -> None:
    """Refuse, before anything is sent, a tag that names another commit.

    Raises:
        ZooError: it does.
    """
    tagged = _tags(api, target).get(tag)
    if tagged is not None and (plan.changes or tagged != head):
        raise ZooError(
            f"{target}: its tag {tag!r} names {tagged[:12]} and is not moved, and this zoo is not "
            "what it names; choose a new tag"
        )


def _tag(api: HfApi, target: str, tag: str, commit: str) -> None:
    if tag not in _tags(api, target):
        with_retries(
            lambda: api.create_tag(target, tag=tag, revision=commit, repo_type="dataset"), REFUSED
        )
