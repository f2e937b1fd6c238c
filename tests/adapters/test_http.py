from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagseal.adapters.http import HttpClient
from tagseal.errors import TagsealError
from tagseal.rehearsal.http import Fault, Request, Response, Server


class StillClock:
    """Stands still; remembers what it was asked to wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def handler(request: Request) -> Response:
    if request.path == "/where":
        return Response(status=302, headers={"Location": request.query["to"][0]})
    if request.path == "/headers":
        return Response(status=200, body=repr(sorted(request.headers.items())).encode())
    if request.path == "/missing":
        return Response(status=404, body=b'{"message":"no such thing"}')
    if request.path == "/zip":
        return Response(status=200, body=b"x", headers={"Content-Encoding": "gzip"})
    return Response(status=200, body=b'{"method":"' + request.method.encode() + b'"}')


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(handler) as running:
        yield running


def error_of(url: str, **options: float) -> str:
    clock = StillClock()
    with pytest.raises(TagsealError) as caught:
        HttpClient(clock=clock).get(url, retries=0, **options)  # type: ignore[arg-type]
    assert caught.value.exit_code == 3
    return caught.value.code.id


def test_answers_below_500_are_returned(server: Server) -> None:
    client = HttpClient()
    assert client.get(f"{server.url}/a?b=c").json() == {"method": "GET"}
    assert client.post(f"{server.url}/a", data=b"{}").json() == {"method": "POST"}
    missing = client.get(f"{server.url}/missing")
    assert (missing.status, missing.body) == (404, b'{"message":"no such thing"}')


def test_an_idempotent_call_is_repeated_and_waits_longer_each_time(server: Server) -> None:
    clock = StillClock()
    with server.fault(Fault(match="GET /a", times=1, status=503)), server.fault(Fault(match="GET /a", cut=True)):
        assert HttpClient(clock=clock).get(f"{server.url}/a").status == 200
    assert clock.waits == [0.5, 1.0]
    assert [status for _, _, status in server.log] == [503, 0, 200]


def test_a_post_is_sent_once(server: Server) -> None:
    clock = StillClock()
    with server.fault(Fault(match="POST /a", status=503)), pytest.raises(TagsealError) as caught:
        HttpClient(clock=clock).post(f"{server.url}/a", data=b"{}")
    assert caught.value.code.id == "service-error"
    assert "injected" in caught.value.what
    assert len(server.log) == 1
    assert clock.waits == []


def test_failures_are_told_apart(server: Server) -> None:
    with server.fault(Fault(match="GET /", status=500)):
        assert error_of(f"{server.url}/a") == "service-error"
    with server.fault(Fault(match="GET /", status=429)):
        assert error_of(f"{server.url}/a") == "service-error"
    with server.fault(Fault(match="GET /", cut=True)):
        assert error_of(f"{server.url}/a") == "service-cut-off"
    with server.fault(Fault(match="GET /", delay_s=2.0)):
        before = time.monotonic()
        assert error_of(f"{server.url}/a", timeout_s=0.2) == "service-timeout"
        assert time.monotonic() - before < 1.5
    assert error_of(f"{server.url}/a", max_bytes=3) == "service-too-large"
    assert error_of(f"{server.url}/zip") == "service-nonsense"
    assert error_of("http://127.0.0.1:1/a") == "service-unreachable"


def test_json_that_is_none_is_nonsense(server: Server) -> None:
    with pytest.raises(TagsealError) as caught:
        HttpClient().get(f"{server.url}/headers").json()
    assert caught.value.code.id == "service-nonsense"


@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://127.0.0.1/", "https://user:word@127.0.0.1/", "file:///x"]
)
def test_only_https_and_loopback(url: str) -> None:
    assert error_of(url) == "service-nonsense"


def test_redirects_stay_on_the_host_and_never_carry_the_token_elsewhere(server: Server) -> None:
    client = HttpClient()
    token = {"Authorization": "Bearer once-only"}
    assert b"once-only" in client.get(f"{server.url}/where?to=/headers", headers=token).body
    with Server(handler) as other:
        same_host_other_port = client.get(f"{server.url}/where?to={other.url}/headers", headers=token)
        assert b"once-only" not in same_host_other_port.body
        named = f"http://localhost:{other.port}/headers"
        assert error_of(f"{server.url}/where?to={named}") == "service-nonsense"
        allowed = client.get(f"{server.url}/where?to={named}", redirect_hosts=frozenset({"localhost"}))
        assert allowed.url == named
    assert error_of(f"{server.url}/where?to=ftp://127.0.0.1/") == "service-nonsense"


def test_a_download_appears_only_when_it_is_right(server: Server, tmp_path: Path) -> None:
    body = b'{"method":"GET"}'
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    dest = tmp_path / "file.whl"
    client = HttpClient(clock=StillClock())
    with server.fault(Fault(match="GET /", cut=True)):
        assert client.download(f"{server.url}/f", dest, expected_sha256=digest).status == 200
    assert dest.read_bytes() == body
    assert [path.name for path in tmp_path.iterdir()] == ["file.whl"]


def test_a_wrong_download_leaves_nothing(server: Server, tmp_path: Path) -> None:
    client = HttpClient(clock=StillClock())
    with pytest.raises(TagsealError) as caught:
        client.download(f"{server.url}/f", tmp_path / "f", expected_sha256="sha256:" + "0" * 64)
    assert (caught.value.code.id, caught.value.exit_code) == ("download-differs", 1)
    assert client.download(f"{server.url}/missing", tmp_path / "f").status == 404
    assert list(tmp_path.iterdir()) == []
