"""The loopback HTTP server under every rehearsal service, with faults on demand.

A service is a function from `Request` to `Response`. Faults (status, delay, cut connection, nonsense) are set
by tests and by people who want to see what a release does when a service misbehaves.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import ClassVar, Final

from tagseal.rehearsal.listener import Listener
from tagseal.rehearsal.messages import Fault, Request, Response, json_response
from tagseal.rehearsal.started import Started

__all__ = ["Fault", "Request", "Response", "Server", "json_response"]

MAX_BODY_BYTES: Final = 256 * 2**20


class Server(Started):
    """A loopback server around a handler; use as a context manager or call `start` and `stop`."""

    def __init__(self, handler: Callable[[Request], Response], *, tls: ssl.SSLContext | None = None) -> None:
        """Listen on 127.0.0.1 and a free port at once; answer from `start` on."""
        self._handle = handler
        self._lock = threading.Lock()
        self._faults: list[list[object]] = []
        self.log: list[tuple[str, str, int]] = []
        """(method, path with query, status) of every answered request; status 0 is a cut connection."""
        self._http = Listener(("127.0.0.1", 0), _handler_class(self))
        self._thread: threading.Thread | None = None
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._http.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread is not None:  # waiting for a loop that never ran would take forever
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """Inject `fault` within the block."""
        entry: list[object] = [fault, fault.times]
        with self._lock:
            self._faults.append(entry)
        try:
            yield
        finally:
            with self._lock:
                self._faults.remove(entry)

    def take_fault(self, line: str) -> Fault | None:
        """Return the fault for a request line `METHOD path`, counting it down."""
        with self._lock:
            for entry in self._faults:
                fault, left = entry
                if isinstance(fault, Fault) and isinstance(left, int) and left and line.startswith(fault.match):
                    entry[1] = left - 1
                    return fault
        return None

    def answer(self, request: Request) -> Response:
        """Return the service's answer."""
        return self._handle(request)


def _within_limit(size_bytes: int) -> int:
    if not 0 <= size_bytes <= MAX_BODY_BYTES:
        raise ValueError(f"a body has at most {MAX_BODY_BYTES} bytes")
    return size_bytes


def _handler_class(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        loopback = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    """Reads one request, applies faults, writes one answer."""

    loopback: ClassVar[Server]
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True  # head and body go out separately: a delayed ACK would cost 40 ms an answer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Stay silent: `server.log` has it."""

    def _serve(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        fault = self.loopback.take_fault(f"{self.command} {url.path}")
        if fault and fault.delay_s:
            time.sleep(fault.delay_s)
        try:
            body = self._body()
        except ValueError as error:
            self.close_connection = True  # where the next request begins is not known
            self._write(json_response(400, {"message": str(error)}))
            return
        request = Request(
            method=self.command,
            path=urllib.parse.unquote(url.path),
            query=urllib.parse.parse_qs(url.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        response = self._answer(request, fault)
        if response is None:
            self._cut()
        else:
            self._write(response)

    def _answer(self, request: Request, fault: Fault | None) -> Response | None:
        """Return what to send; None: nothing, cut the connection."""
        if fault is None:
            return self.loopback.answer(request)
        fails = fault.cut or fault.status is not None
        response = self.loopback.answer(request) if fault.after or not fails else None
        if fault.status is not None and not fault.cut:
            return Response(status=fault.status, body=fault.body)
        return None if fault.cut else response

    def _body(self) -> bytes:
        """Read the whole body. Raises: ValueError for a length that is malformed or beyond the limit."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(_within_limit(int(self.headers.get("Content-Length") or 0)))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            _within_limit(len(body) + size)
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _cut(self) -> None:
        self.loopback.log.append((self.command, self.path, 0))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _write(self, response: Response) -> None:
        self.loopback.log.append((self.command, self.path, response.status))
        self.send_response(response.status, response.reason)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815
