from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from support_sigstore import call
from tagseal.rehearsal.http import Fault, Request, Response, Server, json_response


@pytest.fixture
def seen() -> list[Request]:
    return []


@pytest.fixture
def server(seen: list[Request]) -> Iterator[Server]:
    def handle(request: Request) -> Response:
        seen.append(request)
        return json_response(201, {"got": len(request.body)}, headers={"X-Echo": request.path})

    with Server(handle) as running:
        yield running


def test_a_request_reaches_the_service_decoded_and_the_answer_the_client(server: Server, seen: list[Request]) -> None:
    answer = call(server.url, "POST", "/a%20b?x=1&x=2&y=", raw=b"body", headers={"X-Name": "v"})
    assert (answer.status, answer.json(), answer.headers["x-echo"]) == (201, {"got": 4}, "/a b")
    assert seen[0].method == "POST"
    assert seen[0].path == "/a b"
    assert seen[0].query == {"x": ["1", "2"], "y": [""]}
    assert seen[0].headers["x-name"] == "v"
    assert server.log == [("POST", "/a%20b?x=1&x=2&y=", 201)]


def test_a_chunked_body_is_read_whole(server: Server, seen: list[Request]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("PUT", "/", body=iter([b"one", b"two"]), encode_chunked=True)
    assert connection.getresponse().read() == b'{"got": 6}'
    connection.close()
    assert seen[0].body == b"onetwo"


def test_a_connection_stays_open_for_the_next_request(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for _ in range(3):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b'{"got": 0}'
    connection.close()


def test_a_head_answer_has_no_body(server: Server) -> None:
    answer = call(server.url, "HEAD", "/")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (201, b"", "10")


def test_a_status_fault_hits_as_often_as_told_and_only_its_route(server: Server, seen: list[Request]) -> None:
    with server.fault(Fault(match="POST /x", status=503, times=2)):
        assert call(server.url, "GET", "/x").status == 201
        assert [call(server.url, "POST", "/x/y").status for _ in range(3)] == [503, 503, 201]
    assert len(seen) == 2
    with server.fault(Fault(match="GET /", status=500, body=b"nonsense")):
        assert call(server.url, "GET", "/").body == b"nonsense"


def test_a_fault_ends_with_its_block(server: Server) -> None:
    with server.fault(Fault(match="GET /", status=503, times=9)):
        pass
    assert call(server.url, "GET", "/").status == 201


def test_a_fault_after_the_act_leaves_the_effect(server: Server, seen: list[Request]) -> None:
    with server.fault(Fault(match="POST /", status=502, after=True)):
        assert call(server.url, "POST", "/", raw=b"kept").status == 502
    assert [request.body for request in seen] == [b"kept"]


@pytest.mark.parametrize(("after", "acted"), [(False, 0), (True, 1)])
def test_a_cut_connection_is_an_incomplete_answer(
    server: Server, seen: list[Request], *, after: bool, acted: int
) -> None:
    with server.fault(Fault(match="GET /", cut=True, after=after)), pytest.raises(http.client.IncompleteRead):
        call(server.url, "GET", "/")
    assert len(seen) == acted
    assert server.log == [("GET", "/", 0)]


def test_a_delay_comes_before_the_answer(server: Server) -> None:
    start = time.monotonic()
    with server.fault(Fault(match="GET /", delay_s=0.2)):
        assert call(server.url, "GET", "/").status == 201
    assert time.monotonic() - start >= 0.2


def test_a_client_that_hangs_up_makes_no_noise(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    with server.fault(Fault(match="GET /", delay_s=0.2)), socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert call(server.url, "GET", "/").status == 201
    assert capfd.readouterr().err == ""


def test_a_server_that_never_started_stops_at_once() -> None:
    server = Server(lambda _: Response(status=200))
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        call(server.url, "GET", "/")


def test_a_stopped_server_hangs_up_on_open_connections(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/")
    connection.getresponse().read()
    server.stop()
    with pytest.raises(ConnectionError):
        _again(connection)
    connection.close()


def _again(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")
    connection.getresponse()


@pytest.mark.parametrize("length", ["x", "-1", "999999999999"])
def test_a_length_that_cannot_be_is_refused_and_the_connection_closed(
    server: Server, seen: list[Request], length: str
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as link:
        link.sendall(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
        with link.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 400 Bad Request\r\n"
            assert answer.read()  # to the end of the stream: it was closed
    assert seen == []


def test_a_service_with_a_bug_says_so_and_the_next_request_is_answered(capfd: pytest.CaptureFixture[str]) -> None:
    def handle(request: Request) -> Response:
        if request.path == "/bug":
            raise KeyError("our own bug")
        return Response(status=204)

    with Server(handle) as server:
        with pytest.raises(ConnectionError):
            call(server.url, "GET", "/bug")
        assert call(server.url, "GET", "/").status == 204
    assert "our own bug" in capfd.readouterr().err
