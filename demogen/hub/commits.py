"""The commits of a push, each made upon the one before: on the main branch or a pull request."""

import io
from collections.abc import Iterable, Mapping
from typing import final

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from demogen.errors import CorruptZooError
from demogen.hub.answers import check_commit
from demogen.hub.client import BRANCH, Kind, without_xet_warning
from demogen.hub.progress import UploadBar
from demogen.hub.push_plan import LocalFile
from demogen.hub.retry import REFUSED, with_retries


@final
class CommitLine:
    """A branch of a repository, or a pull request, to which a push adds commits.

    Attributes:
        target: "owner/name".
        head: the last commit, upon which the next one is made; the Hub refuses that if somebody
            else has added a commit since.
        request: number of the pull request; None: there is none, or none yet.
    """

    def __init__(
        self,
        api: HfApi,
        target: str,
        head: str,
        *,
        proposes: bool = False,
        request: int | None = None,
        kind: Kind = "dataset",
    ) -> None:
        self._api = api
        self._kind = kind
        self.target = target
        self._proposes = proposes
        self.head = head
        self.request = request

    @property
    def revision(self) -> str:
        """Branch, or reference of the pull request."""
        return BRANCH if self.request is None else f"refs/pr/{self.request}"

    def commit(
        self,
        paths: Iterable[str],
        files: Mapping[str, LocalFile],
        title: str,
        bar: UploadBar,
        removed: Iterable[str] = (),
    ) -> None:
        """Upload files that the Hub has not got, one after the other, and commit them together.

        Args:
            paths: files to add or replace.
            files: path → file here.
            title: of the commit.
            bar: moves as files are sent.
            removed: paths to remove in the same commit.

        Raises:
            CorruptZooError: a file changed since it was verified.
        """
        deletions = [CommitOperationDelete(path, is_folder=False) for path in removed]
        opens_request = self._proposes and self.request is None
        with without_xet_warning():
            additions = [self._upload(path, files[path], bar) for path in paths]
            commit = with_retries(
                lambda: self._api.create_commit(
                    self.target,
                    [*additions, *deletions],
                    commit_message=title,
                    repo_type=self._kind,
                    revision=self.revision,
                    parent_commit=self.head,
                    create_pr=opens_request,
                ),
                REFUSED,
            )
        self.head = check_commit(commit.oid, "the new commit")
        if opens_request:
            self.request = commit.pr_num

    def _upload(self, path: str, local: LocalFile, bar: UploadBar) -> CommitOperationAdd:
        with bar.following(local.path) as file:
            # An open file, because the client sends everything else by the Xet protocol, which
            # only the public Hub speaks.
            addition = CommitOperationAdd(path, file)
            if addition.upload_info.sha256.hex() != local.digest.sha256:
                raise CorruptZooError(f"{local.path} changed while it was pushed; push it again")
            file.on_progress = bar.sent
            self._api.preupload_lfs_files(
                self.target,
                [addition],
                repo_type=self._kind,
                revision=self.revision,
                create_pr=self._proposes,
            )
            if isinstance(addition.path_or_fileobj, io.BufferedIOBase):
                # A small file travels in the commit itself; its content outlives the open file.
                addition.path_or_fileobj = local.path.read_bytes()
        return addition
