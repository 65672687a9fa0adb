"""Publish pages as a static Space of the Hugging Face Hub, which shows them to everybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile, SpaceInfo

from demogen.errors import ZooError
from demogen.format.integrity import file_digest
from demogen.hub.answers import check_commit
from demogen.hub.client import BRANCH, TIMEOUTS, connect, download, explained
from demogen.hub.commits import CommitLine
from demogen.hub.download import REPOSITORY
from demogen.hub.progress import upload_bar
from demogen.hub.publishing import check_published, listing, require_login
from demogen.hub.push_plan import LocalFile
from demogen.hub.retry import REFUSED, with_retries

INDEX = "index.html"
ATTRIBUTES = ".gitattributes"

TEMPLATE = frozenset({ATTRIBUTES, "README.md", INDEX, "style.css"})
"""What a new static Space may hold, before anybody has changed it."""


@final
@dataclass(frozen=True)
class Site:
    """Pages that are published.

    Attributes:
        target: "owner/name".
        commit: the Space's last.
        address: of the Space's page on the Hub.
        changes: files sent or removed; 0: all was there already.
    """

    target: str
    commit: str
    address: str
    changes: int


def publish_site(
    files: Mapping[str, Path],
    target: str,
    title: str,
    *,
    mark: bytes,
    may_hold: Callable[[str], bool],
    endpoint: str | None = None,
    token: str | None = None,
    private: bool = False,
    progress: bool = True,
) -> Site:
    """Make a static Space hold these files and no others, in one commit, so never parts of two.

    Only what changed is sent. A Space that is not there is made. Into one that somebody uses for
    something else nothing is written: it must be as the Hub made it, or hold what an earlier call
    published, and nothing beside it.

    Args:
        files: path in the Space → file here; README.md says `sdk: static`, index.html has `mark`.
        target: "owner/name" on the Hub.
        title: of the commit.
        mark: by which an index.html that was published by such a call is known.
        may_hold: whether such a call may have published a file at a path.
        endpoint: address of another Hub.
        token: token with write access; default: that of `hf auth login` or HF_TOKEN.
        private: whether a Space that is not there yet is made private.
        progress: show a progress bar where standard error is a terminal.

    Raises:
        CorruptZooError: a file changed meanwhile, or is read back as another.
        ZooError: the target is no address, holds something else, is public and was to be private,
            cannot be reached, or refuses; or somebody changes it at the same time.
    """
    if not REPOSITORY.fullmatch(target):
        raise ZooError(f"{target!r} is no Space on the Hub; write owner/name")
    api = connect(endpoint, token)
    with explained(f"cannot publish to the Space {target}", api):
        require_login(api, target)
        head = _head(api, target, private)
        remote = listing(api, target, head, "space")
        _check_ours(api, target, head, remote, mark, may_hold)
        local = {path: LocalFile(file, file_digest(file)) for path, file in files.items()}
        changed = [path for path in sorted(local) if local[path].fault_of(remote.get(path))]
        removed = sorted(remote.keys() - local.keys() - {ATTRIBUTES})
        line = CommitLine(api, target, head, kind="space")
        if changed or removed:
            total = sum(local[path].digest.bytes for path in changed)
            with upload_bar(total, enabled=progress) as bar:
                line.commit(changed, local, title, bar, removed)
            where = f"Space {target}@{line.head[:12]}"
            check_published(listing(api, target, line.head, "space"), local, where)
    page = f"{api.endpoint}/spaces/{target}"
    return Site(target, line.head, page, len(changed) + len(removed))


def _head(api: HfApi, target: str, private: bool) -> str:
    """The last commit of the Space, which is made if it is not there.

    Raises:
        ZooError: it is to be private and is not.
    """
    info: SpaceInfo | None
    try:
        info = _information(api, target)
    except RepositoryNotFoundError:
        info = None
    # Not in the handler, where an error of what follows would be explained by this one.
    if info is None:
        with_retries(
            lambda: api.create_repo(
                target, repo_type="space", space_sdk="static", private=private, exist_ok=True
            ),
            REFUSED,
        )
        info = _information(api, target)
    if private and not info.private:
        raise ZooError(
            f"{target} is there already and public; make it private on its page, or publish "
            "without asking for that"
        )
    return check_commit(info.sha, "its last commit")


def _information(api: HfApi, target: str) -> SpaceInfo:
    return with_retries(lambda: api.space_info(target, revision=BRANCH, timeout=TIMEOUTS[1]))


def _check_ours(
    api: HfApi,
    target: str,
    head: str,
    remote: Mapping[str, RepoFile],
    mark: bytes,
    may_hold: Callable[[str], bool],
) -> None:
    """Refuse a Space in which something else lies.

    Raises:
        ZooError: it does; a file is named.
    """
    if remote.keys() <= TEMPLATE and len(_commits(api, target, head)) == 1:
        return
    held = sorted(path for path in remote if path != ATTRIBUTES and not may_hold(path))
    if not held and INDEX in remote:
        index = download(api, target, INDEX, head, kind="space").read_bytes()
        held = [] if mark in index else [INDEX]
    elif not held:
        held = sorted(remote.keys() - {ATTRIBUTES})
    if held:
        raise ZooError(
            f"the Space {target} holds {held[0]!a:.100}, which was not published by this command; "
            "name another Space, which need not be there yet"
        )


def _commits(api: HfApi, target: str, head: str) -> list[str]:
    made = with_retries(lambda: api.list_repo_commits(target, repo_type="space", revision=head))
    return [commit.commit_id for commit in made]
