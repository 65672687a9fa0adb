"""The Hub's client, with time limits, repeated downloads, and errors of one line."""

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from huggingface_hub.hf_api import RepoFile

from demogen import __version__
from demogen.errors import CorruptZooError, ZooError
from demogen.format.integrity import has_oid
from demogen.hub import answers, client_logs, retry, waiting
from demogen.hub.errors import explain, is_of_client

BRANCH = "main"

AGENT = f"demogen/{__version__}"
"""What our requests carry in their User-Agent."""

TIMEOUTS = (10.0, 120.0, 120.0, 120.0)
"""Seconds to connect, to wait for a response, to send a piece, and to wait for a connection."""

Kind = Literal["dataset", "space"]
"""Of a repository, as the client names it: zoos are datasets, and pages are a Space."""

# The base error of the HTTP library, which differs between versions of the client.
HTTPError: type[Exception] = HfHubHTTPError.__mro__[1]


def connect(endpoint: str | None, token: str | None) -> HfApi:
    """The client of a Hub (default: the public one), with a token (default: that of the login).

    Raises:
        ZooError: the token cannot be one; it is refused here, for the error the HTTP library would
            raise shows it.
    """
    used = token if token is not None else huggingface_hub.get_token()
    if used is not None and not re.fullmatch("[!-~]+", used):
        raise ZooError(
            "the token is empty, or holds blanks or signs that no token has; copy it once more"
        )
    session()
    return HfApi(endpoint, token, library_name="demogen", library_version=__version__)


def session() -> Any:
    """The HTTP client that the Hub's client uses, with a limit to every wait, and quiet."""
    client_logs.quiet()
    client = huggingface_hub.get_session()
    # Timeouts that somebody else has set stay.
    if client.timeout.read is None:
        client.timeout = TIMEOUTS
    hooks = client.event_hooks
    if _bound_the_wait not in hooks["response"]:
        client.event_hooks = {
            "request": [*hooks["request"], _bound_the_silence],
            "response": [*hooks["response"], _bound_the_wait, _check_answer],
        }
    return client


def _bound_the_silence(request: Any) -> None:
    """Wait for what is read no longer than HF_HUB_DOWNLOAD_TIMEOUT says, whole files or parts."""
    times = request.extensions.get("timeout")
    if _is_ours(request) and request.method in ("GET", "HEAD") and times is not None:
        waiting.refuse_silence()
        request.extensions.setdefault("trace", waiting.note)
        times["read"] = min(times.get("read") or math.inf, waiting.silence())


def _check_answer(response: Any) -> None:
    """Look at what an answer names before the client does, and give it up if it drips."""
    if not _is_ours(response.request):
        return
    answers.check_headers(response)
    waiting.paced(response)
    if answers.needs_content(response):
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) > answers.LIMIT:
                raise answers.AnswerError("the answer does not end")
        # What the library keeps of an answer that was read; it cannot be read twice.
        response._content = bytes(content)
        answers.check_content(response, response._content)


def _is_ours(request: Any) -> bool:
    return AGENT in request.headers.get("user-agent", "")


def _bound_the_wait(response: Any) -> None:
    """Rewrite how long to wait, for the Hub's client sleeps for hours if a response asks for it.

    Requests that others make with the same client are left alone.
    """
    if _is_ours(response.request) and retry.requested_pause(response.headers) is not None:
        seconds = math.ceil(retry.pause(1, response.headers))
        response.headers.pop("ratelimit", None)
        response.headers["retry-after"] = str(seconds)


@contextmanager
def explained(what: str, api: HfApi) -> Iterator[None]:
    """Turn the client's errors into a ZooError that starts with `what`."""
    waiting.begin()
    try:
        yield
    except (answers.AnswerError, waiting.TooSlowError) as error:
        raise ZooError(f"{what}: {api.endpoint}: {error}") from error
    except (LookupError, TypeError, AttributeError, AssertionError) as error:
        if not is_of_client(error):
            raise
        raise ZooError(
            f"{what}: {api.endpoint} answers what nobody can make sense of; run it again"
        ) from error
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        raise explain(error, what, api.endpoint) from error


def tree(api: HfApi, target: str, revision: str, kind: Kind = "dataset") -> dict[str, RepoFile]:
    """Path → size and digest of every file of a commit."""
    entries = api.list_repo_tree(target, recursive=True, revision=revision, repo_type=kind)
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def download(
    api: HfApi,
    source: str,
    path: str,
    revision: str,
    *,
    refetch: bool = False,
    kind: Kind = "dataset",
) -> Path:
    """One file in the cache; with `refetch`, fetched in place of what is there.

    A download that failed and may succeed is made again: once where the file arrives too short,
    several times where the Hub is out of order.

    Raises:
        CorruptZooError: the file arrives too short again.
    """

    def fetch() -> str:
        nonlocal refetch
        try:
            return api.hf_hub_download(
                source, path, repo_type=kind, revision=revision, force_download=refetch
            )
        except OSError as error:
            if not _is_short(error):
                raise
            if refetch:
                raise CorruptZooError(
                    f"zoo {source} at {revision[:12]}: {path} arrives too short, fetched twice; "
                    "try again later"
                ) from error
            refetch = True
            raise

    return Path(retry.with_retries(fetch, may_pass=is_fleeting))


def verify_blob(api: HfApi, source: str, local: Path, path: str) -> Path:
    """A file that zoo.json does not list; it is fetched once more if it arrived damaged.

    Where the file system has symbolic links, the cache names contents by the Hub's digest of them.
    """
    name = local.resolve().name
    if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", name) or has_oid(local, name):
        return local
    commit = local.parents[path.count("/")].name
    # The client leaves a link where it is, also when the content comes under another name.
    if local.is_symlink():
        local.unlink()
    local = download(api, source, path, commit, refetch=True)
    # It may be the digest that was answered wrong the first time, and not the content.
    if not has_oid(local, local.resolve().name):
        raise CorruptZooError(
            f"zoo {source} at {commit[:12]}: {path} arrives damaged, fetched twice; try again later"
        )
    return local


def is_fleeting(error: Exception) -> bool:
    """Whether a download failed in a way that another try may get over.

    What the client has tried several times itself is not tried again: to find the head of the file,
    and to get past a limit of requests.
    """
    if isinstance(error, CorruptZooError | LocalEntryNotFoundError):
        return False
    return _is_short(error) or retry.has_status(
        error, retry.FLEETING - {HTTPStatus.TOO_MANY_REQUESTS}
    )


def _is_short(error: Exception) -> bool:
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
