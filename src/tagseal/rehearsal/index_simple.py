"""What the public reads: the simple API (PEP 503 HTML, PEP 691 JSON 1.4), project JSON, files and provenance."""

from __future__ import annotations

import hashlib
from html import escape
from typing import Final

from packaging.utils import canonicalize_name
from packaging.version import Version

from tagseal.core.canonical import Json
from tagseal.rehearsal.http import Request, Response, json_response
from tagseal.rehearsal.index_json import project_json, serial_header, upload_time
from tagseal.rehearsal.index_store import IndexStore, StoredFile

API_VERSION: Final = "1.4"
_JSON: Final = "application/vnd.pypi.simple.v1+json"
_HTML: Final = "application/vnd.pypi.simple.v1+html"
_PLAIN_HTML: Final = "text/html"
_INTEGRITY: Final = "application/vnd.pypi.integrity.v1+json"
_NOT_FOUND: Final = Response(status=404, body=b"404 Not Found", content_type="text/plain")
_NOT_ACCEPTABLE: Final = Response(status=406, body=b"406 Not Acceptable", content_type="text/plain")


def get(store: IndexStore, request: Request, base_url: str) -> Response | None:
    """Answer a GET or HEAD for one of the public pages; None when the path is none of them."""
    match request.path.strip("/").split("/"):
        case ["simple"]:
            return _simple_root(store, request)
        case ["simple", project]:
            return _simple_project(store, request, project, base_url)
        case ["pypi", project, "json"]:
            return project_json(store, project, None, base_url)
        case ["pypi", project, version, "json"]:
            return project_json(store, project, version, base_url)
        case ["packages", *_]:
            return _file(store, request.path)
        case ["integrity", project, version, filename, "provenance"]:
            return _provenance(store, request, (project, version, filename))
        case _:
            return None


def _simple_root(store: IndexStore, request: Request) -> Response:
    names = sorted(store.projects)
    kind = _choose(request, (_JSON, _HTML, _PLAIN_HTML))
    if kind is None:
        return _NOT_ACCEPTABLE
    if kind == _JSON:
        projects: Json = [{"name": store.projects[name], "_last-serial": store.serial} for name in names]
        meta: Json = {"api-version": API_VERSION, "_last-serial": store.serial}
        return _simple(store, kind, json_response(200, {"meta": meta, "projects": projects}).body)
    links = "".join(f'<a href="/simple/{name}/">{escape(store.projects[name])}</a><br />\n' for name in names)
    return _simple(store, kind, _page("Simple index", links))


def _simple_project(store: IndexStore, request: Request, project: str, base_url: str) -> Response:
    normalized = canonicalize_name(project)
    if request.path != f"/simple/{normalized}/":
        return Response(status=301, content_type="text/plain", headers={"Location": f"/simple/{normalized}/"})
    if normalized not in store.projects:
        return _NOT_FOUND
    kind = _choose(request, (_JSON, _HTML, _PLAIN_HTML))
    if kind is None:
        return _NOT_ACCEPTABLE
    files = sorted(store.of_project(normalized), key=lambda file: (Version(file.version), file.name))
    if kind == _JSON:
        detail: Json = {
            "alternate-locations": [],
            "files": [_file_entry(store, file, base_url) for file in files],
            "meta": {"_last-serial": store.serial, "api-version": API_VERSION},
            "name": normalized,
            "project-status": {"status": "active"},
            "versions": list(dict.fromkeys(file.version for file in files)),
        }
        return _simple(store, kind, json_response(200, detail).body)
    links = "".join(_link(store, file, base_url) for file in files)
    return _simple(store, kind, _page(f"Links for {normalized}", links))


def _file_entry(store: IndexStore, file: StoredFile, base_url: str) -> dict[str, Json]:
    core: Json = {"sha256": _metadata_digest(file)} if file.metadata is not None else False
    return {
        "core-metadata": core,
        "data-dist-info-metadata": core,
        "filename": file.name,
        "hashes": {"sha256": file.digests.sha256},
        "provenance": _provenance_url(file, base_url),
        "requires-python": file.requires_python or None,
        "size": len(file.data),
        "upload-time": upload_time(file),
        "url": base_url + file.path,
        "yanked": store.yank_of(file),
    }


def _link(store: IndexStore, file: StoredFile, base_url: str) -> str:
    attributes = {"href": f"{base_url}{file.path}#sha256={file.digests.sha256}"}
    if file.requires_python:
        attributes["data-requires-python"] = file.requires_python
    if file.metadata is not None:
        digest = f"sha256={_metadata_digest(file)}"
        attributes |= {"data-dist-info-metadata": digest, "data-core-metadata": digest}
    yanked = store.yank_of(file)
    if yanked is not False:
        attributes["data-yanked"] = yanked if isinstance(yanked, str) else ""
    if provenance := _provenance_url(file, base_url):
        attributes["data-provenance"] = provenance
    text = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{escape(file.name)}</a><br />\n"


def _file(store: IndexStore, path: str) -> Response:
    file = store.at_path(path)
    if file is not None:
        return Response(status=200, body=file.data, content_type="application/octet-stream")
    wheel = store.at_path(path.removesuffix(".metadata"))
    if wheel is not None and wheel.metadata is not None:
        return Response(status=200, body=wheel.metadata, content_type="application/octet-stream")
    return _NOT_FOUND


def _provenance(store: IndexStore, request: Request, key: tuple[str, str, str]) -> Response:
    project, version, filename = key
    if _choose(request, (_INTEGRITY, "application/json")) is None:
        return json_response(406, {"message": "Request not acceptable"})
    file = store.files.get(filename)
    if file is None or file.project != canonicalize_name(project) or file.version != version:
        return json_response(404, {"message": "Not Found"})
    if file.provenance is None:
        return json_response(404, {"message": f"No provenance available for {filename}"})
    return Response(status=200, body=json_response(200, file.provenance).body, content_type=_INTEGRITY)


def _choose(request: Request, offered: tuple[str, ...]) -> str | None:
    """Return the offered media type the client likes best (the later one when it doesn't care), or None."""
    accepted: dict[str, float] = {}
    for item in request.headers.get("accept", "*/*").split(","):
        kind, _, parameters = item.strip().partition(";")
        quality = parameters.replace(" ", "").removeprefix("q=")
        try:
            accepted[kind.strip().lower()] = float(quality) if quality else 1.0
        except ValueError:
            accepted[kind.strip().lower()] = 1.0

    def liking(kind: str) -> float:
        return accepted.get(kind, accepted.get(f"{kind.partition('/')[0]}/*", accepted.get("*/*", 0.0)))

    best = max(reversed(offered), key=liking)
    return best if liking(best) > 0 else None


def _simple(store: IndexStore, kind: str, body: bytes) -> Response:
    content_type = f"{kind}; charset=UTF-8" if kind == _PLAIN_HTML else kind
    headers = {**serial_header(store), "Vary": "Accept", "Cache-Control": "max-age=600, public"}
    return Response(status=200, body=body, content_type=content_type, headers=headers)


def _page(title: str, links: str) -> bytes:
    head = f'<meta name="pypi:repository-version" content="{API_VERSION}"><title>{escape(title)}</title>'
    return (
        f"<!DOCTYPE html>\n<html><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n{links}</body></html>\n".encode()
    )


def _metadata_digest(file: StoredFile) -> str:
    return hashlib.sha256(file.metadata or b"").hexdigest()


def _provenance_url(file: StoredFile, base_url: str) -> str | None:
    if file.provenance is None:
        return None
    return f"{base_url}/integrity/{file.project}/{file.version}/{file.name}/provenance"
