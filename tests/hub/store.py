"""Dataset repositories on disk: a commit is an immutable snapshot; contents lie by digest."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".tar", ".parquet", ".safetensors", ".bin")
"""Kept as large files whatever their size, as the Hub's default .gitattributes says."""

LFS_THRESHOLD = 10_000_000


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


class Repository:
    """Branches, tags and commits of one dataset repository, in one folder."""

    def __init__(self, folder: Path, contents: Path) -> None:
        self._folder = folder
        self._contents = contents

    @property
    def settings(self) -> dict[str, Any]:
        return json.loads((self._folder / "settings.json").read_text())

    def configure(self, **settings: Any) -> None:
        """Set `private`, `gated`, `branches` or `tags`."""
        merged = {**self.settings, **settings}
        scratch = self._folder / "settings.new"
        scratch.write_text(json.dumps(merged))
        scratch.replace(self._folder / "settings.json")

    def resolve(self, revision: str) -> str:
        """The commit a branch, a tag or a commit's own hash names."""
        named = self.settings["branches"] | self.settings["tags"]
        commit = named.get(revision, revision)
        if not commit.isalnum() or not (self._folder / "commits" / f"{commit}.json").is_file():
            raise MissingError("RevisionNotFound")
        return commit

    def files(self, commit: str) -> dict[str, Entry]:
        content = json.loads((self._folder / "commits" / f"{commit}.json").read_text())
        return {path: Entry(**entry) for path, entry in content["files"].items()}

    def commit(self, branch: str, files: dict[str, Entry], title: str) -> str:
        """Record a snapshot and move the branch to it."""
        snapshot = {
            "parent": self.settings["branches"].get(branch),
            "title": title,
            "files": {path: asdict(entry) for path, entry in sorted(files.items())},
        }
        text = json.dumps(snapshot)
        commit = hashlib.sha1(f"{self._folder.name}:{text}".encode()).hexdigest()
        (self._folder / "commits" / f"{commit}.json").write_text(text)
        self.configure(branches=self.settings["branches"] | {branch: commit})
        return commit

    def add(self, content: bytes) -> Entry:
        """Keep the content of a small file."""
        entry = Entry(len(content), git_oid(content))
        (self._contents / entry.oid).write_bytes(content)
        return entry

    def large_entry(self, sha256: str) -> Entry:
        """The entry of a large file whose content was uploaded before."""
        size = self.content(sha256).stat().st_size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return Entry(size, git_oid(pointer.encode()), sha256)

    def content(self, etag: str) -> Path:
        path = self._contents / etag
        if not path.is_file():
            raise MissingError("EntryNotFound")
        return path


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

    def create(self, name: str, private: bool = False) -> Repository:
        """A new repository; like the Hub's, it starts with one commit.

        Raises:
            FileExistsError: there is one of that name.
        """
        folder = self._folder(name)
        folder.mkdir(exist_ok=False)
        (folder / "commits").mkdir()
        settings = {"private": private, "gated": False, "branches": {}, "tags": {}}
        (folder / "settings.json").write_text(json.dumps(settings))
        repository = Repository(folder, self._contents)
        attributes = repository.add(b"*.tar filter=lfs diff=lfs merge=lfs -text\n")
        repository.commit("main", {".gitattributes": attributes}, "initial commit")
        return repository

    def delete(self, name: str) -> None:
        shutil.rmtree(self._folder(name))

    def has(self, sha256: str) -> bool:
        return (self._contents / sha256).is_file()

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
