"""What a Hub answers, checked before the client builds names of files from it or writes anything.

The client makes folders of its cache by the commits, and files by the digests, that answers name.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ZooError
from demogen.schema.layout import MANIFEST

COMMIT = re.compile("[0-9a-f]{40}")
"""40 hex digits: a commit, also a git blob."""

DIGEST = re.compile("[0-9a-f]{64}")

LIMIT = 64 << 20
"""Bytes of an answer that is no file."""

_PINNED = re.compile(r"/(?:resolve|tree|revision|paths-info)/([0-9a-f]{40})(?:/|$)")
_ETAG = re.compile(r'(?:W/)?"?([0-9a-f]{40}|[0-9a-f]{64})"?')
_LISTING = re.compile(r"/api/[^/]+/[^/]+/[^/]+/(tree|paths-info)/")
_COMMITS = re.compile(r"/api/[^/]+/[^/]+/[^/]+(/revision/[^/]+|/refs|/commit/[^/]+)?/?")


class AnswerError(ZooError):
    """A Hub's answer cannot be right, and nothing was made of it."""


def check_headers(response: Any) -> None:
    """Check the commit and the digest that an answer's headers name, if they do.

    Raises:
        AnswerError: they are none, or another commit was asked for.
    """
    path = unquote(response.url.path)
    if (commit := response.headers.get("x-repo-commit")) is not None:
        check_commit(commit, "a commit")
        pinned = _PINNED.search(path)
        if pinned and pinned[1] != commit:
            raise AnswerError(
                f"commit {pinned[1][:12]} was asked for, and another, {commit[:12]}, is answered"
            )
    if "/resolve/" in path and response.status_code < 400 and commit is not None:
        for name in ("x-linked-etag", "etag"):
            tag = response.headers.get(name)
            if tag is not None and not _ETAG.fullmatch(tag):
                raise AnswerError(f"{_shown(tag)} is answered as a digest, and it is none")


def needs_content(response: Any) -> bool:
    """Whether an answer's content names commits or digests: whether `check_content` is for it."""
    path = unquote(response.url.path)
    return response.status_code < 300 and bool(_LISTING.match(path) or _COMMITS.fullmatch(path))


def check_content(response: Any, content: bytes) -> None:
    """Check the commits, digests and sizes that an answer's content names.

    Raises:
        AnswerError: they are none; it is no JSON, or a listing is no list, or what it must hold is
            missing.
    """
    path = unquote(response.url.path)
    try:
        answer = json_data(content)
    except UnreadableError as error:
        raise AnswerError(f"the answer cannot be read: {error}") from error
    if _LISTING.match(path):
        _check_listing(answer)
        return
    if not isinstance(answer, dict):
        raise AnswerError("the answer is no object")
    for commit in _commits(answer):
        check_commit(commit, "a commit")
    pinned = _PINNED.search(path)
    if pinned and answer.get("sha", pinned[1]) != pinned[1]:
        raise AnswerError(
            f"commit {pinned[1][:12]} was asked for, and another, {answer['sha'][:12]}, is answered"
        )


def check_commit(commit: object, what: str) -> str:
    """A commit that a Hub named.

    Raises:
        AnswerError: it is no 40 hex digits.
    """
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise AnswerError(f"{_shown(commit)} is answered as {what}, and it is none")
    return commit


def check_whole(listed: Any, commit: str) -> None:
    """Refuse a listing of a zoo's commit that lacks zoo.json, which was read at it.

    Raises:
        AnswerError: it does; whatever else it lacks would be lost unnoticed.
    """
    if MANIFEST not in listed:
        raise AnswerError(
            f"the list of files at {commit[:12]} lacks {MANIFEST}, which is there; run it again"
        )


def _check_listing(answer: object) -> None:
    if not isinstance(answer, list):
        raise AnswerError("the list of files is none")
    for entry in answer:
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            raise AnswerError("the list of files holds what is no file")
        if entry.get("type") != "file":
            continue
        size, lfs = entry.get("size"), entry.get("lfs")
        if type(size) is not int or size < 0:
            raise AnswerError(f"{_shown(size)} is answered as a size, and it is none")
        check_commit(entry.get("oid"), "a digest")
        digest = lfs.get("oid", lfs.get("sha256")) if isinstance(lfs, dict) else lfs
        if digest is not None and not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
            raise AnswerError(f"{_shown(digest)} is answered as a digest, and it is none")


def _commits(answer: dict[str, Any]) -> Iterator[object]:
    for name in ("sha", "commitOid"):
        if name in answer:
            yield answer[name]
    for kind in ("branches", "tags", "pullRequests", "converts"):
        refs = answer.get(kind)
        if refs is None:
            continue
        if not isinstance(refs, list) or not all(isinstance(ref, dict) for ref in refs):
            raise AnswerError(f"the list of {kind} is none")
        for ref in refs:
            yield ref.get("targetCommit")


def _shown(value: object) -> str:
    return f"{value!a:.50}"
