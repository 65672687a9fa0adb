"""What went wrong between here and the Hub, in one line with a remedy; it never holds a token."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from demogen.errors import ZooError, explain_os_error

LOGIN = "log in with `hf auth login` or set HF_TOKEN"

BY_CODE = {
    "RevisionNotFound": "there is no such branch, tag or commit; the repository's page lists them",
    "GatedRepo": f"its owner admits readers one by one; ask for access on its page and {LOGIN}",
    "EntryNotFound": "it has no zoo.json: it is no zoo, or its first push was never finished",
    "RepoNotFound": "{endpoint} has no such dataset repository, or it is private; "
    f"check the name, or {LOGIN}",
}
"""X-Error-Code of a response → the end of the message."""

BY_STATUS = {
    401: f"the token is missing or refused; {LOGIN}",
    403: "the token does not allow it; use one with access to this repository",
    404: BY_CODE["RepoNotFound"],
    409: "the repository was changed at the same time; run it again",
    412: "the repository was changed at the same time; run it again",
    429: "{endpoint} admits no more requests for now; run it again in some minutes",
}
"""HTTP status of a response → the end of the message, where no code says more."""


def explain(error: BaseException, what: str, endpoint: str) -> ZooError:
    """The error to show instead of the client's.

    Args:
        error: what the client raised; the errors that led to it are looked through as well.
        what: the start of the message, "cannot push to owner/name".
        endpoint: address of the Hub.
    """
    errors = list(_chain(error))
    if (response := response_of(error)) is not None:
        reason = _reason(response)
    elif any(type(each).__name__ == "OfflineModeIsEnabled" for each in errors):
        reason = "it is not in the cache, and HF_HUB_OFFLINE forbids to fetch it; unset that"
    elif (network := next(filter(None, map(_fault_of_network, errors)), None)) is not None:
        reason = network
    elif any(_is_network(each) for each in errors):
        reason = "{endpoint} cannot be reached; check the address and the network"
    elif (fault := _fault_of_disk(errors)) is not None:
        reason = explain_os_error(fault)
    else:
        reason = hide_queries(" ".join(str(error).split())) or type(error).__name__
    return ZooError(f"{what}: {reason.replace('{endpoint}', endpoint)}")


def hide_queries(text: str) -> str:
    """A text whose addresses have no query, which may be a signature that lets its reader in.

    >>> hide_queries("GET https://cdn.example/a?Signature=s3cret&Key=k failed")
    'GET https://cdn.example/a?… failed'
    """
    return re.sub(r"""(https?://[^\s?"'<>]+)\?[^\s"'<>]*""", r"\1?…", text)


def response_of(error: BaseException) -> Any:
    """The Hub's response (status_code, headers) that led to an error; None: it gave none."""
    for each in _chain(error):
        if (response := getattr(each, "response", None)) is not None:
            return response
    return None


def _reason(response: Any) -> str:
    code, status = response.headers.get("X-Error-Code"), response.status_code
    if status in (404, 410) and not _is_of_repository(response):
        return (
            f"{response.url.host} has lost the content of a file that the repository lists; ask "
            "its owner to push it again"
        )
    if code in BY_CODE:
        return BY_CODE[code]
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status >= 500:
        return f"{{endpoint}} is out of order (HTTP {status}); run it again later"
    return f"{{endpoint}} answers HTTP {status}"


def is_of_client(error: BaseException) -> bool:
    """Whether it is the Hub's client that an error is of, and no code of ours that it called.

    The client takes answers apart without a look at them, so that nonsense ends in any error.
    """
    last, trace = "", error.__traceback__
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in ("demogen", "huggingface_hub"):
            last = package
        trace = trace.tb_next
    return last == "huggingface_hub"


def is_broken(error: BaseException) -> bool:
    """Whether a connection broke off, as one does that a server closed while it lay idle."""
    return any(_fault_of_network(each) == _BROKEN for each in _chain(error))


def is_silence(error: BaseException | None) -> bool:
    """Whether a connection was given up because nothing came, or could not be sent."""
    return any(type(each).__name__ in ("ReadTimeout", "WriteTimeout") for each in _chain(error))


_BROKEN = "the connection to {endpoint} broke off; run it again"

_NETWORK = {
    "TooManyRedirects": "{endpoint} sends from one address to the next without end; try again "
    "later, or tell who runs it",
    "ReadTimeout": "{endpoint} is silent; run it again later, or set HF_HUB_DOWNLOAD_TIMEOUT to "
    "more seconds",
    "WriteTimeout": "{endpoint} takes nothing more; run it again later",
    "ReadError": _BROKEN,
    "WriteError": _BROKEN,
    "RemoteProtocolError": _BROKEN,
    "ConnectionResetError": _BROKEN,
    "BrokenPipeError": _BROKEN,
}
"""Name of an error of the HTTP library, or of the system → the end of the message."""


def _fault_of_network(error: BaseException) -> str | None:
    return _NETWORK.get(type(error).__name__) if _is_network(error) else None


def _is_of_repository(response: Any) -> bool:
    """Whether a response is of the Hub itself, not of the store that its large files lie in."""
    address = response.url
    return any(part in address.path for part in ("/api/", "/resolve/", "/info/lfs"))


def _fault_of_disk(errors: Iterable[BaseException]) -> OSError | None:
    """The first that the operating system names; the client may have wrapped it."""
    return next((each for each in errors if isinstance(each, OSError) and each.strerror), None)


def _is_network(error: BaseException) -> bool:
    return isinstance(error, ConnectionError) or type(error).__module__.startswith("httpx")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
