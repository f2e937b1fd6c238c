"""What the public reads from the index."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from support_dists import metadata, sdist_bytes, wheel_bytes
from support_index import make_index, send, upload
from support_sigstore import StillClock
from tagseal.rehearsal.index import IndexService

WHEEL_NAME = "tinyproj-1.2.3-py3-none-any.whl"
SDIST_NAME = "tinyproj-1.2.3.tar.gz"
WHEEL = wheel_bytes()
JSON = {"accept": "application/vnd.pypi.simple.v1+json"}
METADATA_SHA256 = hashlib.sha256(metadata().encode()).hexdigest()


@pytest.fixture
def index() -> IndexService:
    index = make_index(clock=StillClock(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)))
    upload(index, WHEEL_NAME, WHEEL)
    upload(index, SDIST_NAME, sdist_bytes())
    return index


def test_the_detail_page_as_json(index: IndexService) -> None:
    response = send(index, "GET", "/simple/tinyproj/", headers=JSON)
    assert response.content_type == "application/vnd.pypi.simple.v1+json"
    assert response.headers["X-PyPI-Last-Serial"] == "3"
    detail = json.loads(response.body)
    assert (detail["name"], detail["versions"]) == ("tinyproj", ["1.2.3"])
    assert detail["meta"] == {"api-version": "1.4", "_last-serial": 3}
    assert detail["project-status"] == {"status": "active"}
    wheel, sdist = detail["files"]
    assert wheel == {
        "core-metadata": {"sha256": METADATA_SHA256},
        "data-dist-info-metadata": {"sha256": METADATA_SHA256},
        "filename": WHEEL_NAME,
        "hashes": {"sha256": hashlib.sha256(WHEEL).hexdigest()},
        "provenance": None,
        "requires-python": ">=3.9",
        "size": len(WHEEL),
        "upload-time": "2026-01-02T03:04:05.000006Z",
        "url": f"http://index{index.files[WHEEL_NAME].path}",
        "yanked": False,
    }
    assert (sdist["filename"], sdist["core-metadata"]) == (SDIST_NAME, False)


def test_the_detail_page_as_html(index: IndexService) -> None:
    index.store.yank("Tinyproj", "1.2.3", "broken & bad")
    response = send(index, "GET", "/simple/tinyproj/", headers={"accept": "text/html"})
    assert response.content_type == "text/html; charset=UTF-8"
    assert (
        f'<a href="http://index{index.files[WHEEL_NAME].path}#sha256={hashlib.sha256(WHEEL).hexdigest()}" '
        f'data-requires-python="&gt;=3.9" data-dist-info-metadata="sha256={METADATA_SHA256}" '
        f'data-core-metadata="sha256={METADATA_SHA256}" data-yanked="broken &amp; bad">{WHEEL_NAME}</a><br />'
    ).encode() in response.body


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "text/html; charset=UTF-8"),
        ("application/*", 200, "application/vnd.pypi.simple.v1+html"),
        ("text/html;q=0.1, application/vnd.pypi.simple.v1+json", 200, "application/vnd.pypi.simple.v1+json"),
        ("text/html, application/vnd.pypi.simple.v1+json;q=0.5", 200, "text/html; charset=UTF-8"),
        ("image/png", 406, "text/plain"),
        ("text/html;q=0", 406, "text/plain"),
        ("text/html;level=1", 200, "text/html; charset=UTF-8"),
    ],
)
def test_the_client_chooses_the_form(index: IndexService, accept: str, status: int, kind: str) -> None:
    for path in ("/simple/", "/simple/tinyproj/"):
        response = send(index, "GET", path, headers={"accept": accept})
        assert (response.status, response.content_type) == (status, kind)


def test_the_root_lists_projects(index: IndexService) -> None:
    assert json.loads(send(index, "GET", "/simple/", headers=JSON).body)["projects"] == [
        {"name": "tinyproj", "_last-serial": 3}
    ]
    assert b'<a href="/simple/tinyproj/">tinyproj</a>' in send(index, "GET", "/simple/").body


@pytest.mark.parametrize("path", ["/simple/tinyproj", "/simple/TinyProj/"])
def test_other_spellings_are_sent_to_the_page(index: IndexService, path: str) -> None:
    response = send(index, "GET", path)
    assert (response.status, response.headers["Location"]) == (301, "/simple/tinyproj/")


@pytest.mark.parametrize(
    "path",
    [
        "/simple/unknown/",
        "/pypi/unknown/json",
        "/pypi/tinyproj/9/json",
        "/packages/aa/bb/cc/tinyproj-1.2.3.tar.gz",
        "/integrity/tinyproj/1.2.3/unknown.whl/provenance",
        f"/integrity/tinyproj/9/{WHEEL_NAME}/provenance",
    ],
)
def test_what_is_not_there_is_not_found(index: IndexService, path: str) -> None:
    assert send(index, "GET", path).status == 404
    assert index.unknown_routes == []


def test_files_and_their_metadata(index: IndexService) -> None:
    path = index.files[WHEEL_NAME].path
    assert path.startswith(f"/packages/{hashlib.blake2b(WHEEL, digest_size=32).hexdigest()[:2]}/")
    assert send(index, "GET", path).body == WHEEL
    assert send(index, "GET", f"{path}.metadata").body == metadata().encode()
    assert send(index, "GET", f"{index.files[SDIST_NAME].path}.metadata").status == 404


def test_the_json_page(index: IndexService) -> None:
    page = json.loads(send(index, "GET", "/pypi/tinyproj/json").body)
    assert page["info"]["version"] == "1.2.3"
    assert [item["filename"] for item in page["releases"]["1.2.3"]] == [WHEEL_NAME, SDIST_NAME]
    wheel = json.loads(send(index, "GET", "/pypi/tinyproj/1.2.3/json").body)["urls"][0]
    assert wheel["digests"]["sha256"] == hashlib.sha256(WHEEL).hexdigest()
    assert (wheel["yanked"], wheel["upload_time_iso_8601"]) == (False, "2026-01-02T03:04:05.000006Z")


def test_a_yank_shows_everywhere(index: IndexService) -> None:
    index.store.yank("tinyproj", "1.2.3")
    detail = json.loads(send(index, "GET", "/simple/tinyproj/", headers=JSON).body)
    assert [item["yanked"] for item in detail["files"]] == [True, True]
    page = json.loads(send(index, "GET", "/pypi/tinyproj/json").body)
    assert [(item["yanked"], item["yanked_reason"]) for item in page["urls"]] == [(True, None), (True, None)]


def test_provenance(index: IndexService) -> None:
    path = f"/integrity/tinyproj/1.2.3/{WHEEL_NAME}/provenance"
    missing = send(index, "GET", path)
    assert (missing.status, json.loads(missing.body)["message"]) == (404, f"No provenance available for {WHEEL_NAME}")
    assert send(index, "GET", path, headers={"accept": "text/html"}).status == 406
    stored = replace(index.files[WHEEL_NAME], provenance={"version": 1, "attestation_bundles": []})
    index.store.add(stored)
    found = send(index, "GET", path, headers={"accept": "application/vnd.pypi.integrity.v1+json"})
    assert (found.status, found.content_type) == (200, "application/vnd.pypi.integrity.v1+json")
    assert json.loads(found.body) == {"version": 1, "attestation_bundles": []}
    detail = json.loads(send(index, "GET", "/simple/tinyproj/", headers=JSON).body)
    assert detail["files"][0]["provenance"] == f"http://index{path}"
