"""The requests that create repositories and change them."""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.hub.access import SPACES, hub_of, name_of, refusal, rights, token_of, writable
from tests.hub.store import MissingError, Repository, is_large, is_pull

TEMPLATE = {
    "README.md": b"---\nsdk: static\n---\n",
    "index.html": b"<p>The Hub's own page.</p>\n",
    "style.css": b"p { color: gray }\n",
}
"""What a new static Space holds; what the Hub's files say was not to be had."""


async def create(request: Request) -> Response:
    asked = await request.json()
    if rights(request) != "write":
        raise refusal(401 if rights(request) is None else 403, None, "You need write access")
    name = f"{asked['organization']}/{asked['name']}"
    private = asked.get("visibility") == "private" or asked.get("private") is True
    is_space = asked.get("type") == "space"
    if is_space and asked.get("sdk") != "static":
        raise refusal(400, None, "This Hub runs static Spaces alone")
    answer = {"url": f"{request.base_url}{SPACES if is_space else 'datasets/'}{name}", "name": name}
    try:
        if is_space:
            hub_of(request).store.create(f"{SPACES}{name}", private, TEMPLATE)
        else:
            hub_of(request).store.create(name, private)
    except FileExistsError:
        return JSONResponse(
            {"error": "You already created this dataset repo", **answer}, status_code=409
        )
    return JSONResponse(answer)


async def validate_card(request: Request) -> Response:
    return JSONResponse({"errors": [], "warnings": []})


async def make_tag(request: Request) -> Response:
    found = writable(request)
    commit, tag = found.resolve(request.path_params["rev"]), (await request.json())["tag"]
    if tag in found.settings["tags"]:
        raise refusal(409, None, "Tag reference exists already")
    found.configure(tags=found.settings["tags"] | {tag: commit})
    return JSONResponse({})


async def make_branch(request: Request) -> Response:
    found = writable(request)
    branch = request.path_params["rev"]
    if branch in found.settings["branches"]:
        raise refusal(409, None, "Reference already exists")
    commit = found.resolve((await request.json()).get("startingPoint", "main"))
    found.configure(branches=found.settings["branches"] | {branch: commit})
    return JSONResponse({})


async def preupload(request: Request) -> Response:
    revision = request.path_params["rev"]
    found = writable(request, revision, _is_proposed(request))
    present = found.files(found.resolve(revision))
    answers = []
    for file in (await request.json())["files"]:
        path = file["path"]
        mode = "lfs" if is_large(path, file["size"]) else "regular"
        oid = present[path].etag if path in present else None
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return JSONResponse({"files": answers})


async def lfs_batch(request: Request) -> Response:
    asked = await request.json()
    # The client names no revision where the upload is for a new pull request.
    revision = asked.get("ref", {}).get("name")
    writable(request, revision, proposed=revision is None)
    hub, objects = hub_of(request), []
    for wanted in asked["objects"]:
        answer = {"oid": wanted["oid"], "size": wanted["size"]}
        if not hub.store.has(wanted["oid"]):
            ticket = secrets.token_hex(8)
            hub.tickets.add(ticket)
            upload = f"{request.base_url}lfs/{ticket}/{wanted['oid']}"
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
    branch, proposed = request.path_params["rev"], _is_proposed(request)
    found = writable(request, branch, proposed)
    if not is_pull(branch) and branch not in found.settings["branches"]:
        raise MissingError("RevisionNotFound")
    lines = [json.loads(line) for line in (await request.body()).splitlines()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    head = found.resolve(branch)
    parent = header.get("parentCommit", head)
    if parent != head and not proposed:
        raise refusal(412, None, "A commit has happened since")
    files = found.files(found.resolve(parent))
    for line in lines:
        _apply(found, files, line["key"], line["value"])
    name = name_of(request)
    here = f"{request.base_url}{name if name.startswith(SPACES) else f'datasets/{name}'}"
    answer: dict[str, object] = {"success": True}
    if proposed:
        branch = found.open_pull(parent, files, header["summary"], token_of(request) or "")
        made = found.resolve(branch)
        answer["pullRequestUrl"] = f"{here}/discussions/{branch.rpartition('/')[2]}"
    else:
        made = found.commit(branch, files, header["summary"])
    return JSONResponse({**answer, "commitUrl": f"{here}/commit/{made}", "commitOid": made})


def _apply(found: Repository, files: dict, key: str, value: dict) -> None:
    if key == "file":
        files[value["path"]] = found.add(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        files[value["path"]] = found.large_entry(value["oid"])
    elif key == "deletedFile":
        if files.pop(value["path"], None) is None:
            raise refusal(404, "EntryNotFound", "A file with this name doesn't exist")
    elif key == "deletedFolder":
        for path in [path for path in files if path.startswith(value["path"].rstrip("/") + "/")]:
            del files[path]
    elif key != "header":
        raise refusal(400, None, f"Unknown operation {key}")


def _is_proposed(request: Request) -> bool:
    return request.query_params.get("create_pr") in ("1", "true")


Handler = Callable[[Request], Awaitable[Response]]

POST: dict[str, Handler] = {
    "/api/repos/create": create,
    "/api/validate-yaml": validate_card,
    "/lfs/{ticket}/{oid}/verify": lfs_verify,
}
for kind in ("datasets", "spaces"):
    here = f"/api/{kind}/{{owner}}/{{name}}"
    POST |= {
        f"{here}/preupload/{{rev:quoted}}": preupload,
        f"{here}/commit/{{rev:quoted}}": commit,
        f"{here}/tag/{{rev:quoted}}": make_tag,
        f"{here}/branch/{{rev:quoted}}": make_branch,
        f"/{kind}/{{owner}}/{{name}}.git/info/lfs/objects/batch": lfs_batch,
    }

PUT: dict[str, Handler] = {"/lfs/{ticket}/{oid}": lfs_upload}
