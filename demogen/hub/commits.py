"""A line of commits on the Hub that a push adds to: the main branch, or a pull request."""

import io
from collections.abc import Iterable, Mapping
from typing import final

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from demogen.errors import CorruptZooError
from demogen.hub.client import BRANCH, without_xet_warning
from demogen.hub.progress import UploadBar
from demogen.hub.push_plan import Local
from demogen.hub.retry import REFUSED, with_retries


@final
class CommitLine:
    """Where the commits of a push go, one upon the other.

    Attributes:
        target: "owner/name".
        head: the commit that the next one is made upon; the Hub refuses where it is not the last.
        request: number of the pull request they go to; None: of none yet.
    """

    def __init__(
        self, api: HfApi, target: str, head: str, *, proposes: bool, request: int | None = None
    ) -> None:
        self._api = api
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
        files: Mapping[str, Local],
        title: str,
        bar: UploadBar,
        gone: Iterable[str] = (),
    ) -> None:
        """Upload files that the Hub has not got, one after the other, and commit them together.

        Raises:
            CorruptZooError: a file changed since it was verified.
        """
        deletions = [CommitOperationDelete(path, is_folder=False) for path in gone]
        opens = self._proposes and self.request is None
        with without_xet_warning():
            additions = [self._upload(path, files[path], bar) for path in paths]
            made = with_retries(
                lambda: self._api.create_commit(
                    self.target,
                    [*additions, *deletions],
                    commit_message=title,
                    repo_type="dataset",
                    revision=self.revision,
                    parent_commit=self.head,
                    create_pr=opens,
                ),
                REFUSED,
            )
        self.head = str(made.oid)
        if opens:
            self.request = made.pr_num

    def _upload(self, path: str, local: Local, bar: UploadBar) -> CommitOperationAdd:
        with bar.following(local.path) as file:
            # An open file, because the client sends everything else by the Xet protocol, which
            # only the public Hub speaks.
            addition = CommitOperationAdd(path, file)
            if addition.upload_info.sha256.hex() != local.digest.sha256:
                raise CorruptZooError(f"{local.path} changed while it was pushed; push it again")
            file.told = bar.sent
            self._api.preupload_lfs_files(
                self.target,
                [addition],
                repo_type="dataset",
                revision=self.revision,
                create_pr=self._proposes,
            )
            if isinstance(addition.path_or_fileobj, io.BufferedIOBase):
                # A small file travels in the commit itself; its content outlives the open file.
                addition.path_or_fileobj = local.path.read_bytes()
        return addition
