"""Dataset repositories on disk: a commit is an immutable snapshot; contents lie by digest."""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".tar", ".parquet", ".safetensors", ".bin")
"""Kept as large files whatever their size, as the Hub's default .gitattributes says."""

LFS_THRESHOLD = 10_000_000

PULL = "refs/pr/"


class MissingError(Exception):
    """Nothing is there; `code` is what the Hub sends as X-Error-Code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Entry:
    """One file of a commit: its git blob id and, for a large file, the sha256 of its content."""

    size: int
    oid: str
    sha256: str | None = None

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(path: str, size: int) -> bool:
    return path.endswith(LFS_SUFFIXES) or size > LFS_THRESHOLD


def is_pull(revision: str) -> bool:
    return re.fullmatch(rf"{PULL}\d+", revision) is not None


class Repository:
    """Branches, tags and commits of one dataset repository, in one folder."""

    def __init__(self, folder: Path, contents: Path) -> None:
        self._folder = folder
        self._contents = contents

    @property
    def settings(self) -> dict[str, Any]:
        return json.loads((self._folder / "settings.json").read_text())

    def configure(self, **settings: Any) -> None:
        """Set `private`, `gated`, `branches`, `tags` or `pulls`."""
        merged = {**self.settings, **settings}
        scratch = self._folder / "settings.new"
        scratch.write_text(json.dumps(merged))
        scratch.replace(self._folder / "settings.json")

    def resolve(self, revision: str) -> str:
        """The commit that a branch, a tag, `refs/pr/N` or a commit's own hash names."""
        commit = self._named().get(revision, revision)
        if not commit.isalnum() or not self._snapshot(commit).is_file():
            raise MissingError("RevisionNotFound")
        return commit

    def resolve_stale(self, revision: str) -> str:
        """Like resolve, but a name means what it meant one commit ago."""
        commit = self.resolve(revision)
        return (self.parent(commit) or commit) if revision in self._named() else commit

    def history(self, commit: str) -> list[str]:
        """A commit and those before it."""
        found = [commit]
        while (before := self.parent(found[-1])) is not None:
            found.append(before)
        return found

    def parent(self, commit: str) -> str | None:
        return _load(self._snapshot(commit))["parent"]

    def files(self, commit: str) -> dict[str, Entry]:
        return dict(_entries(self._snapshot(commit)))

    def commit(self, branch: str, files: dict[str, Entry], title: str) -> str:
        """Record a snapshot and move the branch, or the pull request `refs/pr/N`, to it."""
        commit = self._record(self._named().get(branch), files, title)
        key, name = (
            ("pulls", branch.removeprefix(PULL)) if is_pull(branch) else ("branches", branch)
        )
        self.configure(**{key: self.settings[key] | {name: commit}})
        return commit

    def open_pull(self, parent: str, files: dict[str, Entry], title: str, author: str) -> str:
        """Record a snapshot under a new `refs/pr/N`; returns that name."""
        settings = self.settings
        number = str(len(settings["pulls"]) + 1)
        commit = self._record(parent, files, title)
        self.configure(
            pulls=settings["pulls"] | {number: commit},
            authors=settings["authors"] | {number: author},
        )
        return f"{PULL}{number}"

    def author(self, pull: str) -> str | None:
        """Who opened `refs/pr/N`."""
        return self.settings["authors"].get(pull.removeprefix(PULL))

    def add(self, content: bytes) -> Entry:
        """Keep the content of a small file."""
        entry = Entry(len(content), git_oid(content))
        (self._contents / entry.oid).write_bytes(content)
        return entry

    def add_large(self, content: bytes) -> Entry:
        """Keep the content of a large file, as if it had been uploaded."""
        sha256 = hashlib.sha256(content).hexdigest()
        (self._contents / sha256).write_bytes(content)
        return self.large_entry(sha256)

    def large_entry(self, sha256: str) -> Entry:
        """The entry of a large file whose content was uploaded before."""
        size = self.content(sha256).stat().st_size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return Entry(size, git_oid(pointer.encode()), sha256)

    def content(self, etag: str) -> Path:
        return _content(self._contents, etag)

    def _named(self) -> dict[str, str]:
        settings = self.settings
        pulls = {f"{PULL}{number}": commit for number, commit in settings["pulls"].items()}
        return {**settings["branches"], **settings["tags"], **pulls}

    def _snapshot(self, commit: str) -> Path:
        return self._folder / "commits" / f"{commit}.json"

    def _record(self, parent: str | None, files: dict[str, Entry], title: str) -> str:
        snapshot = {
            "parent": parent,
            "title": title,
            "files": {path: asdict(entry) for path, entry in sorted(files.items())},
        }
        text = json.dumps(snapshot)
        commit = hashlib.sha1(f"{self._folder.name}:{text}".encode()).hexdigest()
        self._snapshot(commit).write_text(text)
        return commit


def _content(contents: Path, etag: str) -> Path:
    path = contents / etag
    if not path.is_file():
        raise MissingError("EntryNotFound")
    return path


# A snapshot's name is the digest of what is in it, so what was read once stays true; a repository
# of thousands of files is asked for one file at a time.
@lru_cache(maxsize=64)
def _load(snapshot: Path) -> dict[str, Any]:
    return json.loads(snapshot.read_text())


@lru_cache(maxsize=64)
def _entries(snapshot: Path) -> Mapping[str, Entry]:
    return {path: Entry(**entry) for path, entry in _load(snapshot)["files"].items()}


class Store:
    """All repositories under one folder, and the contents they share."""

    def __init__(self, root: Path) -> None:
        self._repositories = root / "repositories"
        self._contents = root / "contents"
        self._repositories.mkdir(parents=True, exist_ok=True)
        self._contents.mkdir(exist_ok=True)

    def repository(self, name: str) -> Repository:
        folder = self._folder(name)
        if not (folder / "settings.json").is_file():
            raise MissingError("RepoNotFound")
        return Repository(folder, self._contents)

    def create(
        self, name: str, private: bool = False, template: Mapping[str, bytes] | None = None
    ) -> Repository:
        """A new repository; like the Hub's, it starts with one commit.

        Raises:
            FileExistsError: there is one of that name.
        """
        folder = self._folder(name)
        folder.mkdir(exist_ok=False)
        (folder / "commits").mkdir()
        settings = {"private": private, "gated": False, "branches": {}, "tags": {}}
        settings |= {"pulls": {}, "authors": {}}
        (folder / "settings.json").write_text(json.dumps(settings))
        repository = Repository(folder, self._contents)
        attributes = repository.add(b"*.tar filter=lfs diff=lfs merge=lfs -text\n")
        first = {path: repository.add(content) for path, content in (template or {}).items()}
        repository.commit("main", {".gitattributes": attributes, **first}, "initial commit")
        return repository

    def delete(self, name: str) -> None:
        shutil.rmtree(self._folder(name))

    def has(self, sha256: str) -> bool:
        return (self._contents / sha256).is_file()

    def content(self, sha256: str) -> Path:
        return _content(self._contents, sha256)

    def receive(self, scratch: Path, sha256: str) -> bool:
        """Take over an uploaded file if it is what it claims to be."""
        with scratch.open("rb") as file:
            matches = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if matches:
            scratch.replace(self._contents / sha256)
        else:
            scratch.unlink()
        return matches

    def scratch(self, name: str) -> Path:
        return self._contents / f"{name}.incoming"

    def _folder(self, name: str) -> Path:
        return self._repositories / name.replace("/", "--")
