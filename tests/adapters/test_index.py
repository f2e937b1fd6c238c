# ruff: noqa: F811 - fixtures are imported, and named again as arguments
from __future__ import annotations

import base64
import contextlib
import io
import tempfile
import time
from pathlib import Path

import pytest

import support_dists
from support_publish import API_TOKEN, PROJECT, SDIST, WHEEL, QuickClock, Rig
from support_rig import rig, sigstore, template  # noqa: F401 - fixtures
from tagseal.adapters.index import WarehouseIndex
from tagseal.adapters.trust_config import IndexEndpoints
from tagseal.adapters.twine_upload import Upload, send
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError
from tagseal.rehearsal.http import Fault, Request, Response, Server, json_response
from tagseal.secret import Secret


def upload(rig: Rig, name: str) -> Upload:
    return Upload(path=rig.folder / "dist" / name, attestations=())


def test_a_slow_index_runs_into_the_timeout(rig: Rig) -> None:
    url = f"{rig.index_server.url}/legacy/"
    started = time.monotonic()
    with rig.index_server.fault(Fault(match="POST /legacy/", delay_s=2)), pytest.raises(TagsealError) as caught:
        send(url, upload(rig, WHEEL), Secret(API_TOKEN), ca_file="", timeout_s=0.2)
    assert (caught.value.code.id, caught.value.exit_code) == ("service-timeout", 3)
    assert time.monotonic() - started < 2


def test_nothing_is_printed_and_the_token_is_in_no_message(rig: Rig) -> None:
    url = f"{rig.index_server.url}/legacy/"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        send(url, upload(rig, WHEEL), Secret(API_TOKEN), ca_file="", timeout_s=10)
        with pytest.raises(TagsealError) as caught:
            send(url, upload(rig, SDIST), Secret("pypi-some-other-token"), ca_file="", timeout_s=10)
    assert (out.getvalue(), err.getvalue()) == ("", "")
    assert "pypi-some-other-token" not in " ".join(caught.value.lines())


def test_a_file_twine_cannot_read_is_refused_before_it_is_sent(rig: Rig, tmp_path: Path) -> None:
    broken = tmp_path / WHEEL
    broken.write_bytes(b"no archive")
    with pytest.raises(TagsealError) as caught:
        send(
            f"{rig.index_server.url}/legacy/",
            Upload(path=broken, attestations=()),
            Secret(API_TOKEN),
            ca_file="",
            timeout_s=10,
        )
    assert caught.value.code.id == "upload-refused"
    assert rig.index.files == {}


def test_a_listing_is_asked_for_fresh_under_the_normal_name(rig: Rig) -> None:
    assert rig.adapters.index.files("Tiny.Proj_X") == ()
    method, path, status = rig.index_server.log[-1]
    assert (method, status) == ("GET", 404)
    assert path.startswith("/simple/tiny-proj-x/?fresh=")


def test_an_upload_waits_longer_each_time_and_gives_up(rig: Rig) -> None:
    with (
        rig.index_server.fault(Fault(match="POST /legacy/", times=9, status=503)),
        pytest.raises(TagsealError) as caught,
    ):
        rig.adapters.index.upload(rig.folder / "dist" / WHEEL, [], Secret(API_TOKEN))
    assert caught.value.code.id == "service-error"
    assert rig.adapters.quick.slept == [1, 2, 4]


def test_an_expired_token_is_told_apart() -> None:
    body = {"message": "Invalid API Token: token is expired", "code": "403 x", "title": "Forbidden"}
    with Server(lambda _: json_response(403, body)) as server, pytest.raises(TagsealError) as caught:
        _send_any(server)
    assert caught.value.code.id == "upload-token-expired"


def test_a_listing_without_digests_is_nonsense() -> None:
    page: Json = {"files": [{"filename": "x-1.tar.gz", "url": "x", "hashes": {"md5": "0"}}]}

    def answer(_: Request) -> Response:
        return json_response(200, page)

    with Server(answer) as server:
        ends = IndexEndpoints(name="x", upload_url=f"{server.url}/legacy/", base_url=server.url)
        index = WarehouseIndex(ends, clock=QuickClock())
        with pytest.raises(TagsealError) as caught:
            index.files(PROJECT)
    assert caught.value.code.id == "service-nonsense"


def _send_any(server: Server) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel, _ = support_dists.write_dists(Path(folder))
        send(f"{server.url}/", Upload(path=wheel, attestations=()), Secret(API_TOKEN), ca_file="", timeout_s=10)


def test_the_upload_password_goes_into_the_authorization_header_alone() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(status=200)

    with Server(answer) as server:
        _send_any(server)
    assert seen[0].headers["authorization"] == "Basic " + base64.b64encode(f"__token__:{API_TOKEN}".encode()).decode()
    assert API_TOKEN.encode() not in seen[0].body
