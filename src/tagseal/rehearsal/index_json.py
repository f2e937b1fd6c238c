"""The JSON page of a project: what clients read before the simple API is fresh."""

from __future__ import annotations

from datetime import UTC

from packaging.utils import canonicalize_name
from packaging.version import Version

from tagseal.core.canonical import Json
from tagseal.rehearsal.http import Response, json_response
from tagseal.rehearsal.index_store import IndexStore, StoredFile


def serial_header(store: IndexStore) -> dict[str, str]:
    """Return the header that tells mirrors how fresh a page is."""
    return {"X-PyPI-Last-Serial": str(store.serial)}


def upload_time(file: StoredFile) -> str:
    """Return when a file came in: ISO 8601, UTC, microseconds."""
    return file.uploaded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def project_json(store: IndexStore, project: str, version: str | None, base_url: str) -> Response:
    """Return the JSON page of a project, or of one of its versions; base_url goes in front of file links."""
    files = store.of_project(project)
    versions = sorted({file.version for file in files}, key=Version)
    if not versions or (version is not None and version not in versions):
        return json_response(404, {"message": "Not Found"})
    shown = version or versions[-1]
    body: dict[str, Json] = {
        "info": {"name": store.projects[canonicalize_name(project)], "version": shown, "yanked": False},
        "last_serial": store.serial,
        "urls": [_json_file(store, file, base_url) for file in files if file.version == shown],
        "vulnerabilities": [],
    }
    if version is None:
        body["releases"] = {
            name: [_json_file(store, file, base_url) for file in files if file.version == name] for name in versions
        }
    return json_response(200, body, headers=serial_header(store))


def _json_file(store: IndexStore, file: StoredFile, base_url: str) -> dict[str, Json]:
    yanked = store.yank_of(file)
    return {
        "comment_text": "",
        "digests": {
            "blake2b_256": file.digests.blake2_256,
            "md5": file.digests.md5,
            "sha256": file.digests.sha256,
        },
        "downloads": -1,
        "filename": file.name,
        "has_sig": False,
        "md5_digest": file.digests.md5,
        "packagetype": file.filetype,
        "python_version": file.python_version,
        "requires_python": file.requires_python or None,
        "size": len(file.data),
        "upload_time": upload_time(file)[:19],
        "upload_time_iso_8601": upload_time(file),
        "url": base_url + file.path,
        "yanked": yanked is not False,
        "yanked_reason": yanked if isinstance(yanked, str) else None,
    }
