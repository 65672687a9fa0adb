"""The requests that look into repositories and fetch contents."""

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from tests.hub.access import commit_of, files_of, hub_of, readable, refusal, repository
from tests.hub.store import Entry

CDN_HOST = "localhost"
"""Another name of this machine: a client that follows a redirect to it leaves its token behind."""


class Content(FileResponse):
    """A file or a range of it, in pieces large enough for the disk and not the loop to matter."""

    chunk_size = 1 << 20


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
    commit, files = files_of(request)
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
    if prefix and not entries and not folders:
        raise refusal(404, "EntryNotFound", **{"X-Repo-Commit": commit})
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
    folders = {path[:end] for path in files for end, sign in enumerate(path) if sign == "/"}
    answers = []
    for path in parse_qs((await request.body()).decode())["paths"]:
        if path in files:
            answers.append(described(path, files[path]))
        elif path in folders:
            answers.append({"type": "directory", "path": path, "oid": "0" * 40})
    return JSONResponse(answers)


async def references(request: Request) -> Response:
    found = repository(request)
    settings = found.settings

    def listed(key: str, kind: str) -> list[dict[str, str]]:
        return [
            {
                "name": name,
                "ref": f"refs/{kind}/{name}",
                "targetCommit": commit_of(
                    request, found, f"refs/pr/{name}" if kind == "pr" else name
                ),
            }
            for name in settings[key]
        ]

    answer = {"branches": listed("branches", "heads"), "tags": listed("tags", "tags")}
    if request.query_params.get("include_prs"):
        answer["pullRequests"] = listed("pulls", "pr")
    return JSONResponse({**answer, "converts": []})


async def commits(request: Request) -> Response:
    found = repository(request)
    about = {"authors": [], "title": "", "message": "", "date": "2026-01-01T00:00:00.000Z"}
    made = found.history(commit_of(request, found, request.path_params["rev"]))
    return JSONResponse([{"id": commit, **about} for commit in made])


async def resolve(request: Request) -> Response:
    found = readable(request)
    commit, files = files_of(request)
    path = request.path_params["path"]
    if path not in files:
        raise refusal(404, "EntryNotFound", **{"X-Repo-Commit": commit})
    entry = files[path]
    headers = {"X-Repo-Commit": commit, "ETag": f'"{entry.etag}"'}
    if entry.sha256:
        headers |= {"X-Linked-Etag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
        if hub_of(request).redirect:
            address = _signed(request, entry.sha256, path)
            told = f"Found. Redirecting to {address}".encode()
            # Without a body's ETag, lest it be taken for that of the content.
            headers |= {"Location": address, "Accept-Ranges": "bytes"}
            return Response(told, 302, headers, "text/plain")
    return Content(found.content(entry.etag), headers=headers)


def _signed(request: Request, sha256: str, path: str) -> str:
    ticket = secrets.token_hex(8)
    hub_of(request).tickets.add(ticket)
    place = request.base_url.replace(hostname=CDN_HOST)
    return f"{place}cdn/{sha256}/{quote(path)}?ticket={ticket}"


async def cdn(request: Request) -> Response:
    """Contents as an object store gives them: to whoever holds a signed address and no token."""
    if "authorization" in request.headers:
        raise refusal(400, None, "Only one way of authentication is allowed")
    if request.query_params.get("ticket") not in hub_of(request).tickets:
        raise refusal(403, None, "The address has expired")
    sha256 = request.path_params["sha256"]
    found = hub_of(request).store.content(sha256)
    return Content(found, headers={"ETag": f'"{sha256}"'})


Handler = Callable[[Request], Awaitable[Response]]

GET: dict[str, Handler] = {"/cdn/{sha256}/{path:rest}": cdn}
POST: dict[str, Handler] = {}
for kind in ("datasets", "spaces"):
    here = f"/api/{kind}/{{owner}}/{{name}}"
    GET |= {
        here: information,
        f"{here}/revision/{{rev:quoted}}": information,
        f"{here}/tree/{{rev:quoted}}": tree,
        f"{here}/tree/{{rev:quoted}}/{{path:rest}}": tree,
        f"{here}/refs": references,
        f"{here}/commits/{{rev:quoted}}": commits,
        f"/{kind}/{{owner}}/{{name}}/resolve/{{rev:quoted}}/{{path:rest}}": resolve,
    }
    POST[f"{here}/paths-info/{{rev:quoted}}"] = paths_info
