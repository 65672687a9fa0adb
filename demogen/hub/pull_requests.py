"""Propose files to somebody's dataset repository: a pull request that adds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from demogen.errors import ZooError
from demogen.format.integrity import file_digest
from demogen.hub.answers import check_commit
from demogen.hub.client import connect, explained
from demogen.hub.commits import CommitLine
from demogen.hub.download import REPOSITORY
from demogen.hub.progress import upload_bar
from demogen.hub.publishing import check_published, information, listing, require_login, resume
from demogen.hub.push_plan import LocalFile, PushPlan, make_plan


@final
@dataclass(frozen=True)
class Proposal:
    """A pull request, or that there is nothing to propose.

    Attributes:
        commit: what the pull request ends in, or the repository's own last one.
        address: page of the pull request, or of the repository where nothing is new.
        changes: files sent; 0: an earlier run, or the repository itself, has them all.
    """

    commit: str
    address: str
    changes: int


def propose(
    files: Mapping[str, Path],
    target: str,
    title: str,
    *,
    endpoint: str | None = None,
    token: str | None = None,
    progress: bool = True,
) -> Proposal:
    """Open a pull request that adds files to a dataset repository; nothing is removed.

    It needs no right to write there. Run again, it goes on with the pull request that an earlier
    run of it opened, and is read back at the end.

    Args:
        files: path in the repository → file here.
        target: "owner/name" on the Hub.
        title: of the pull request and its commits.
        endpoint: address of another Hub.
        token: token with read access; default: that of `hf auth login` or HF_TOKEN.
        progress: show a progress bar where standard error is a terminal.

    Raises:
        CorruptZooError: a file changed meanwhile, or is read back as another.
        ZooError: the target is no repository, cannot be reached, or refuses.
    """
    if not REPOSITORY.fullmatch(target):
        raise ZooError(f"{target!r} is no repository on the Hub; write owner/name")
    api = connect(endpoint, token)
    with explained(f"cannot open a pull request on {target}", api):
        require_login(api, target)
        local = {path: LocalFile(file, file_digest(file)) for path, file in files.items()}
        head = check_commit(information(api, target).sha, "its last commit")
        base = listing(api, target, head)
        plan = make_plan(local, base, None)
        line = CommitLine(api, target, head, proposes=True)
        if plan.changes:
            plan = resume(api, line, base, plan, local)
            _send(plan, line, local, title, progress)
        check_published(listing(api, target, line.head), local, f"{target}@{line.head[:12]}")
    page = f"{api.endpoint}/datasets/{target}"
    address = page if line.request is None else f"{page}/discussions/{line.request}"
    return Proposal(line.head, address, plan.changes)


def _send(
    plan: PushPlan, line: CommitLine, files: Mapping[str, LocalFile], title: str, progress: bool
) -> None:
    commits = [paths for paths in (*plan.unseen, plan.last) if paths]
    total = sum(files[path].digest.bytes for path in plan.paths)
    with upload_bar(total, enabled=progress) as bar:
        for paths in commits:
            line.commit(paths, files, title, bar)
