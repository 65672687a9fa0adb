"""Who may see and change what, and the commit that a request is about."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.hub.state import Hub
from tests.hub.store import Entry, MissingError, Repository, is_pull

MESSAGES = {
    "RepoNotFound": "Repository not found",
    "RevisionNotFound": "Invalid rev id",
    "EntryNotFound": "Entry not found",
    "GatedRepo": "Access to this dataset is restricted",
}

SPACES = "spaces/"
"""Before the name of a Space, as in addresses; zoos are datasets, with nothing before it."""

STALE = "tests.hub.stale"
"""Set in the scope of a request that a replica lagging behind answers."""


def refusal(
    status: int, code: str | None = None, message: str | None = None, **more: str
) -> HTTPException:
    message = message or MESSAGES.get(code or "", "refused")
    headers = {"X-Error-Message": message, **more}
    if code:
        headers["X-Error-Code"] = code
    return HTTPException(status, message, headers)


def hub_of(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


def token_of(request: Request) -> str | None:
    header = request.headers.get("authorization")
    return None if header is None else header.removeprefix("Bearer ")


def rights(request: Request) -> str | None:
    """What the caller may do; None: he sent no token."""
    token = token_of(request)
    if token is None:
        return None
    try:
        return hub_of(request).tokens[token]
    except KeyError:
        raise refusal(401, None, "Invalid credentials in Authorization header") from None


def name_of(request: Request) -> str:
    """Name of the repository that a request is about; that of a Space has spaces/ before it."""
    name = "{owner}/{name}".format(**request.path_params)
    is_space = request.url.path.removeprefix("/api").startswith(f"/{SPACES}")
    return f"{SPACES}{name}" if is_space else name


def repository(request: Request) -> Repository:
    """The repository a request names, if the caller may see it."""
    may = rights(request)
    found = hub_of(request).store.repository(name_of(request))
    if found.settings["private"] and may in (None, "nothing"):
        raise refusal(401 if may is None else 404, "RepoNotFound")
    return found


def writable(request: Request, revision: str | None = None, proposed: bool = False) -> Repository:
    """The repository a request is about to change.

    Args:
        request: what was asked.
        revision: what is to be changed; a pull request may be by the person who opened it.
        proposed: whether it is to go into a new pull request, which whoever may read can open.
    """
    found, may = repository(request), rights(request)
    own = revision is not None and is_pull(revision) and found.author(revision) == token_of(request)
    if may is None:
        raise refusal(401, None, "Authentication is needed")
    if may != "write" and not own and not proposed:
        raise refusal(403, None, "You need write access")
    if found.settings["gated"] and may == "nothing":
        raise refusal(403, "GatedRepo")
    return found


def readable(request: Request) -> Repository:
    """The repository a request reads contents of; of a gated one they are for those let in."""
    found, may = repository(request), rights(request)
    if found.settings["gated"] and may not in ("read", "write"):
        raise refusal(401 if may is None else 403, "GatedRepo")
    return found


def commit_of(request: Request, found: Repository, revision: str = "main") -> str:
    if request.scope.get(STALE):
        return found.resolve_stale(revision)
    return found.resolve(revision)


def files_of(request: Request) -> tuple[str, dict[str, Entry]]:
    """The commit a request names, and its files."""
    found = repository(request)
    commit = commit_of(request, found, request.path_params.get("rev", "main"))
    return commit, found.files(commit)


async def when_missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, MissingError)
    # The Hub tells strangers 401, lest they learn which private repositories exist.
    hidden = error.code == "RepoNotFound" and "authorization" not in request.headers
    return await when_refused(request, refusal(401 if hidden else 404, error.code))


async def when_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    content: dict[str, Any] = {"error": error.detail}
    return JSONResponse(content, error.status_code, error.headers)
