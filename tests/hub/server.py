"""The part of the Hugging Face Hub's interface that pushing and pulling a dataset uses."""

import base64
import json
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.hub.faults import Faults, FaultyTransport
from tests.hub.store import Entry, MissingError, Repository, Store, is_large

WRITER = "hf_loopback_writer"
READER = "hf_loopback_reader"
STRANGER = "hf_loopback_stranger"

MESSAGES = {
    "RepoNotFound": "Repository not found",
    "RevisionNotFound": "Invalid rev id",
    "EntryNotFound": "Entry not found",
    "GatedRepo": "Access to this dataset is restricted",
}


@dataclass
class Hub:
    """State of a running server: change it between requests as a test needs.

    Attributes:
        store: the repositories.
        tokens: token → what its owner may do in any repository ("write", "read" or "nothing").
        faults: what goes wrong, and the requests seen.
        page: how many entries one answer of the tree holds.
    """

    store: Store
    tokens: dict[str, str] = field(
        default_factory=lambda: {WRITER: "write", READER: "read", STRANGER: "nothing"}
    )
    faults: Faults = field(default_factory=Faults)
    page: int = 1000
    tickets: set[str] = field(default_factory=set)

    def reset(self, root: Path) -> None:
        """Start again with no repository, no fault and no request."""
        if root.exists():
            shutil.rmtree(root)
        self.store = Store(root)
        self.faults.clear()
        self.page = 1000


def refusal(status: int, code: str | None = None, message: str | None = None) -> HTTPException:
    message = message or MESSAGES.get(code or "", "refused")
    headers = {"X-Error-Message": message}
    if code:
        headers["X-Error-Code"] = code
    return HTTPException(status, message, headers)


def rights(request: Request) -> str | None:
    """What the caller may do; None: he sent no token."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    try:
        return hub_of(request).tokens[header.removeprefix("Bearer ")]
    except KeyError:
        raise refusal(401, None, "Invalid credentials in Authorization header") from None


def repository(request: Request, write: bool = False) -> Repository:
    """The repository a request names, if the caller may see it."""
    may = rights(request)
    found = hub_of(request).store.repository("{owner}/{name}".format(**request.path_params))
    if found.settings["private"] and may in (None, "nothing"):
        raise refusal(401 if may is None else 404, "RepoNotFound")
    if write and may != "write":
        raise refusal(401 if may is None else 403, None, "You need write access")
    return found


def files_of(request: Request) -> tuple[str, dict[str, Entry]]:
    """The commit a request names, and its files."""
    found = repository(request)
    commit = found.resolve(request.path_params.get("rev", "main"))
    return commit, found.files(commit)


def hub_of(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


def described(path: str, entry: Entry) -> dict[str, object]:
    content: dict[str, object] = {
        "type": "file",
        "path": path,
        "size": entry.size,
        "oid": entry.oid,
    }
    if entry.sha256:
        content["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return content


async def create(request: Request) -> Response:
    asked = await request.json()
    if rights(request) != "write":
        raise refusal(401 if rights(request) is None else 403, None, "You need write access")
    name = f"{asked['organization']}/{asked['name']}"
    private = asked.get("visibility") == "private" or asked.get("private") is True
    answer = {"url": f"{request.base_url}datasets/{name}", "name": name}
    try:
        hub_of(request).store.create(name, private)
    except FileExistsError:
        return JSONResponse(
            {"error": "You already created this dataset repo", **answer}, status_code=409
        )
    return JSONResponse(answer)


async def validate_card(request: Request) -> Response:
    return JSONResponse({"errors": [], "warnings": []})


async def information(request: Request) -> Response:
    commit, files = files_of(request)
    settings = repository(request).settings
    return JSONResponse(
        {
            "id": "{owner}/{name}".format(**request.path_params),
            "sha": commit,
            "private": settings["private"],
            "gated": settings["gated"],
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": path} for path in files],
        }
    )


async def tree(request: Request) -> Response:
    _, files = files_of(request)
    below = request.path_params.get("path", "")
    prefix = f"{below}/" if below else ""
    entries, folders = [], set()
    recursive = request.query_params.get("recursive", "").lower() in ("true", "1")
    for path, entry in files.items():
        if not path.startswith(prefix):
            continue
        parents = path[len(prefix) :].split("/")[:-1]
        folders |= {prefix + "/".join(parents[: n + 1]) for n in range(len(parents))}
        if recursive or not parents:
            entries.append(described(path, entry))
    if not recursive:
        folders = {folder for folder in folders if "/" not in folder[len(prefix) :]}
    entries += [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders]
    entries.sort(key=lambda entry: str(entry["path"]))
    start, size = int(request.query_params.get("cursor", 0)), hub_of(request).page
    following = request.url.include_query_params(cursor=start + size)
    more = {"Link": f'<{following}>; rel="next"'} if start + size < len(entries) else {}
    return JSONResponse(entries[start : start + size], headers=more)


async def paths_info(request: Request) -> Response:
    _, files = files_of(request)
    asked = parse_qs((await request.body()).decode())["paths"]
    return JSONResponse([described(path, files[path]) for path in asked if path in files])


async def references(request: Request) -> Response:
    settings = repository(request).settings

    def listed(kind: str, named: dict[str, str]) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}
            for name, commit in named.items()
        ]

    branches, tags = listed("heads", settings["branches"]), listed("tags", settings["tags"])
    return JSONResponse({"branches": branches, "tags": tags, "converts": []})


async def make_tag(request: Request) -> Response:
    found = repository(request, write=True)
    commit, tag = found.resolve(request.path_params["rev"]), (await request.json())["tag"]
    if tag in found.settings["tags"]:
        raise refusal(409, None, "Tag reference exists already")
    found.configure(tags=found.settings["tags"] | {tag: commit})
    return JSONResponse({})


async def make_branch(request: Request) -> Response:
    found = repository(request, write=True)
    branch = request.path_params["rev"]
    if branch in found.settings["branches"]:
        raise refusal(409, None, "Reference already exists")
    commit = found.resolve((await request.json()).get("startingPoint", "main"))
    found.configure(branches=found.settings["branches"] | {branch: commit})
    return JSONResponse({})


async def preupload(request: Request) -> Response:
    found = repository(request, write=True)
    present = found.files(found.resolve(request.path_params["rev"]))
    answers = []
    for file in (await request.json())["files"]:
        path = file["path"]
        mode = "lfs" if is_large(path, file["size"]) else "regular"
        oid = present[path].etag if path in present else None
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return JSONResponse({"files": answers})


async def lfs_batch(request: Request) -> Response:
    repository(request, write=True)
    hub, objects = hub_of(request), []
    for asked in (await request.json())["objects"]:
        answer = {"oid": asked["oid"], "size": asked["size"]}
        if not hub.store.has(asked["oid"]):
            ticket = secrets.token_hex(8)
            hub.tickets.add(ticket)
            upload = f"{request.base_url}lfs/{ticket}/{asked['oid']}"
            answer["actions"] = {"upload": {"href": upload}, "verify": {"href": f"{upload}/verify"}}
        objects.append(answer)
    return JSONResponse({"transfer": "basic", "objects": objects})


async def lfs_upload(request: Request) -> Response:
    hub, ticket = hub_of(request), request.path_params["ticket"]
    if ticket not in hub.tickets:
        raise refusal(403, None, "Unsigned upload")
    scratch = hub.store.scratch(ticket)
    with scratch.open("wb") as file:
        async for piece in request.stream():
            file.write(piece)
    if not hub.store.receive(scratch, request.path_params["oid"]):
        raise refusal(400, None, "The content is not what its sha256 says")
    return Response()


async def lfs_verify(request: Request) -> Response:
    asked = await request.json()
    if not hub_of(request).store.has(asked["oid"]):
        raise refusal(404, "EntryNotFound")
    return JSONResponse({})


async def commit(request: Request) -> Response:
    found, branch = repository(request, write=True), request.path_params["rev"]
    parent = found.resolve(branch)
    files, title = found.files(parent), ""
    for line in (await request.body()).splitlines():
        item = json.loads(line)
        key, value = item["key"], item["value"]
        if key == "header":
            title = value["summary"]
            if value.get("parentCommit", parent) != parent:
                raise refusal(412, None, "A commit has happened since")
        elif key == "file":
            files[value["path"]] = found.add(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            files[value["path"]] = found.large_entry(value["oid"])
        elif key == "deletedFile":
            del files[value["path"]]
        else:
            raise refusal(400, None, f"Unknown operation {key}")
    made = found.commit(branch, files, title)
    url = "{}datasets/{owner}/{name}/commit/{}".format(
        request.base_url, made, **request.path_params
    )
    return JSONResponse({"commitUrl": url, "commitOid": made, "success": True})


async def resolve(request: Request) -> Response:
    made, files = files_of(request)
    found = repository(request)
    if found.settings["gated"] and rights(request) not in ("read", "write"):
        raise refusal(401 if rights(request) is None else 403, "GatedRepo")
    if request.path_params["path"] not in files:
        raise refusal(404, "EntryNotFound")
    entry = files[request.path_params["path"]]
    headers = {"X-Repo-Commit": made, "ETag": f'"{entry.etag}"'}
    if entry.sha256:
        headers |= {"X-Linked-Etag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
    return FileResponse(found.content(entry.etag), headers=headers)


async def when_missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, MissingError)
    # The Hub tells strangers 401, lest they learn which private repositories exist.
    hidden = error.code == "RepoNotFound" and "authorization" not in request.headers
    return await when_refused(request, refusal(401 if hidden else 404, error.code))


async def when_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


Handler = Callable[[Request], Awaitable[Response]]


def application(hub: Hub) -> ASGIApp:
    """The server as an ASGI application."""
    here = "/api/datasets/{owner}/{name}"
    get: dict[str, Handler] = {
        here: information,
        f"{here}/revision/{{rev:path}}": information,
        f"{here}/tree/{{rev}}": tree,
        f"{here}/tree/{{rev}}/{{path:path}}": tree,
        f"{here}/refs": references,
        "/datasets/{owner}/{name}/resolve/{rev}/{path:path}": resolve,
    }
    post: dict[str, Handler] = {
        "/api/repos/create": create,
        "/api/validate-yaml": validate_card,
        f"{here}/preupload/{{rev}}": preupload,
        f"{here}/commit/{{rev}}": commit,
        f"{here}/paths-info/{{rev:path}}": paths_info,
        f"{here}/tag/{{rev:path}}": make_tag,
        f"{here}/branch/{{rev:path}}": make_branch,
        "/datasets/{owner}/{name}.git/info/lfs/objects/batch": lfs_batch,
        "/lfs/{ticket}/{oid}/verify": lfs_verify,
    }
    routes = [
        *(Route(path, handler, methods=["GET"]) for path, handler in get.items()),
        *(Route(path, handler, methods=["POST"]) for path, handler in post.items()),
        Route("/lfs/{ticket}/{oid}", lfs_upload, methods=["PUT"]),
    ]
    app = Starlette(
        routes=routes, exception_handlers={MissingError: when_missing, HTTPException: when_refused}
    )
    app.state.hub = hub
    return FaultyTransport(app, hub.faults)
