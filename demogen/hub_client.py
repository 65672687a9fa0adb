"""The Hub's client, with time limits, a second try, and errors of one line."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile

from demogen import __version__
from demogen.errors import CorruptZooError, ZooError
from demogen.hub_errors import answer_of, explain

BRANCH = "main"

TIMEOUTS = (10.0, 120.0, 120.0, None)
"""Seconds to connect, to wait for an answer, to send a piece, and to wait for a connection."""

# The base error of the HTTP library, which differs between versions of the client.
HTTPError: type[Exception] = HfHubHTTPError.__mro__[1]


def connect(endpoint: str | None, token: str | None) -> HfApi:
    """The client of a Hub (default: the public one), with a token (default: that of the login).

    Raises:
        ZooError: the token cannot be one; it is refused here, for the error the HTTP library would
            raise shows it.
    """
    used = token if token is not None else huggingface_hub.get_token()
    if used and not re.fullmatch("[!-~]+", used):
        raise ZooError("the token holds blanks or signs that no token has; copy it once more")
    session = huggingface_hub.get_session()
    # The client would wait for ever; a client that was given times of its own keeps them.
    if session.timeout.read is None:
        session.timeout = TIMEOUTS
    return HfApi(endpoint, token, library_name="demogen", library_version=__version__)


@contextmanager
def explained(what: str, api: HfApi) -> Iterator[None]:
    """Turn the client's errors into a ZooError that starts with `what`."""
    try:
        yield
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        raise explain(error, what, api.endpoint) from error


def head_of(api: HfApi, target: str) -> str:
    """The newest commit."""
    return str(api.dataset_info(target, revision=BRANCH, timeout=TIMEOUTS[1]).sha)


def tree(api: HfApi, target: str, revision: str) -> dict[str, RepoFile]:
    """Path → size and digest of every file of a commit."""
    entries = api.list_repo_tree(target, recursive=True, revision=revision, repo_type="dataset")
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def download(api: HfApi, source: str, path: str, revision: str, *, again: bool = False) -> Path:
    """One file in the cache; with `again`, in place of what is there.

    A first failure that may pass is tried once more.

    Raises:
        CorruptZooError: the file arrives too short again.
    """
    try:
        local = api.hf_hub_download(
            source, path, repo_type="dataset", revision=revision, force_download=again
        )
    except OSError as error:
        if is_fleeting(error) and not again:
            return download(api, source, path, revision, again=True)
        if _is_short(error):
            raise CorruptZooError(
                f"zoo {source} at {revision[:12]}: {path} arrives too short, fetched twice; "
                "try again later"
            ) from error
        raise
    return Path(local)


def is_fleeting(error: OSError) -> bool:
    """Whether a download failed in a way that another try may get over."""
    answer = answer_of(error)
    return _is_short(error) or (answer is not None and answer.status_code >= 500)


def _is_short(error: OSError) -> bool:
    """Whether the client found a download of the wrong size, for which it has no error class."""
    return type(error) is OSError and error.errno is None and "should be of size" in str(error)


@contextmanager
def without_xet_warning() -> Iterator[None]:
    """Silence the client's warning, once a file, that an open file is not sent by Xet."""
    logger = logging.getLogger("huggingface_hub._commit_api")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
