"""A zoo on the Hub at one commit: small files through the Hub's cache, weights by ranges."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import RemoteEntryNotFoundError

from demogen.errors import CorruptZooError, ZooError
from demogen.format.integrity import MANIFEST
from demogen.format.storage import Folder, Storage
from demogen.hub.client import connect, download, explained, verify_blob
from demogen.hub.ranges import stream_range
from demogen.schema.records import FileDigest


@final
@dataclass(frozen=True)
class HubStorage(Storage):
    """A dataset repository at a commit.

    Attributes:
        repository: "owner/name".
        commit: 40 hex digits.
        endpoint: address of another Hub.
        keep: keep whole shards in the Hub's cache instead of reading only what is asked for.
    """

    repository: str
    commit: str
    endpoint: str | None = None
    keep: bool = False

    @property
    def where(self) -> str:
        """Repository and commit."""
        return f"{self.repository} at {self.commit[:12]}"

    @property
    def revision(self) -> str:
        """The commit."""
        return self.commit

    @property
    def published(self) -> str:
        """The repository."""
        return self.repository

    @property
    def streams(self) -> int:
        """Enough to hide the time a request takes."""
        return 8

    def local(self, path: str, *, refetch: bool = False) -> Path:
        """The file in the Hub's cache, fetched unless it is there."""
        with self._reading(path):
            file = download(self._api, self.repository, path, self.commit, refetch=refetch)
            # All other files are checked against zoo.json, and zoo.json against the Hub's digest.
            if path == MANIFEST:
                return verify_blob(self._api, self.repository, file, path)
            return file

    def stream(
        self, path: str, start: int, length: int, *, refetch: bool = False
    ) -> Iterator[bytes]:
        """From the cache if the file is there, else by a ranged request."""
        cached = self._cached(path)
        if self.keep and (cached is None or refetch):
            cached, refetch = self.local(path, refetch=refetch), False
        if cached is not None and not refetch:
            yield from Folder(cached.parent).stream(cached.name, start, length)
            return
        with self._reading(path):
            url = huggingface_hub.hf_hub_url(
                self.repository,
                path,
                repo_type="dataset",
                revision=self.commit,
                endpoint=self._api.endpoint,
            )
            yield from stream_range(self._api, url, start, length, refetch=refetch)

    def check(self, files: Mapping[str, FileDigest]) -> None:
        """Nothing: it would take a request, and what is missing is noticed when it is read."""

    def _cached(self, path: str) -> Path | None:
        cached = huggingface_hub.try_to_load_from_cache(
            self.repository, path, revision=self.commit, repo_type="dataset"
        )
        # Where the Hub is known to lack the file, it is an object that says so.
        return Path(cached) if isinstance(cached, str) else None

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        try:
            with explained(f"cannot read {path} of {self.where}", self._api):
                yield
        except ZooError as error:
            if isinstance(error.__cause__, RemoteEntryNotFoundError):
                raise CorruptZooError(f"{self.where}: {path} is missing there") from error
            raise

    @property
    def _api(self) -> HfApi:
        return connect(self.endpoint, None)
