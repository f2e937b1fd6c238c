"""The part of the Docker Engine API that one container needs, over its Unix socket; no client program."""

from __future__ import annotations

import http.client
import io
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote, urlencode

from tagseal.adapters.sandbox.session import SANDBOX_UNAVAILABLE
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError

SOCKET_PATH: Final = Path("/var/run/docker.sock")
_TIMEOUT_S: Final = 60
_MAX_ANSWER_BYTES: Final = 16 * 2**20
_STDERR_BYTES: Final = 16 * 1024
_FRAME_HEADER_BYTES: Final = 8
_STDERR_STREAM: Final = 2
_OK: Final = frozenset({200, 201, 204, 304})
_NOT_FOUND: Final = 404
_SWITCHED: Final = 101


class _Connection(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Frames(io.RawIOBase):
    """Stdout taken out of an attached stream: frames of (stream number, three zeros, length, data)."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = 0
        self.stderr = bytearray()

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes of stdout, empty at its end; stderr is kept aside on the way."""
        while not self._left:
            header = self._stream.read(_FRAME_HEADER_BYTES)
            if len(header) < _FRAME_HEADER_BYTES:
                return b""
            length = int.from_bytes(header[4:], "big")
            if header[0] == _STDERR_STREAM:
                self.stderr += self._stream.read(min(length, _MAX_ANSWER_BYTES))
                del self.stderr[:-_STDERR_BYTES]
            else:
                self._left = length
        data = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data


class Waiting:
    """An open request for a container's exit code, asked before it starts so that no end is missed."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def exit_code(self) -> int | None:
        """Wait for the end (the connection's timeout is the bound); None when nobody can say."""
        try:
            answer = self._connection.getresponse()
            value = json.loads(answer.read(_MAX_ANSWER_BYTES))
            return int(value["StatusCode"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return None
        finally:
            self._connection.close()


class Engine:
    """One engine."""

    def __init__(self, path: Path = SOCKET_PATH) -> None:
        """`path` is the engine's socket."""
        self._path = path

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> Json:
        """Return the engine's JSON answer, None when there is no such object.

        Raises:
            TagsealError: `sandbox-unavailable` when the engine cannot be reached or refuses.
        """
        target = path + (f"?{urlencode(query)}" if query else "")
        connection = _Connection(self._path, timeout_s)
        try:
            content = json.dumps(body).encode() if body is not None else None
            connection.request(method, target, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = answer.read(_MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise TagsealError(SANDBOX_UNAVAILABLE, f"The engine at {self._path} does not answer: {error}.") from error
        finally:
            connection.close()
        if answer.status == _NOT_FOUND:
            return None
        if answer.status not in _OK:
            said = data[:500].decode("utf-8", "replace").strip()
            raise TagsealError(SANDBOX_UNAVAILABLE, f"The engine refused {method} {path}: {answer.status} {said}")
        try:
            value: Json = json.loads(data) if data.strip() else {}
        except ValueError:
            return {}  # progress lines of a pull: one JSON value each
        return value

    def get(self, path: str) -> Mapping[str, Json] | None:
        """Return the object at `path`, None when there is none or it is no object."""
        value = self.call("GET", path)
        return value if isinstance(value, dict) else None

    def wait(self, container: str, *, timeout_s: float) -> Waiting:
        """Ask for the exit code of `container`, to be read later."""
        connection = _Connection(self._path, timeout_s)
        try:
            connection.request("POST", f"/containers/{quote(container)}/wait?condition=removed")
        except OSError as error:
            raise TagsealError(SANDBOX_UNAVAILABLE, f"The engine at {self._path} does not answer: {error}.") from error
        return Waiting(connection)

    def attach(self, container: str, *, timeout_s: float) -> socket.socket:
        """Return a raw connection to the container's stdin (write) and framed stdout and stderr (read)."""
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(timeout_s)
        try:
            raw.connect(str(self._path))
            raw.sendall(
                f"POST /containers/{quote(container)}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n"
                "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n".encode("ascii")
            )
            head = b""
            while not head.endswith(b"\r\n\r\n") and len(head) < _STDERR_BYTES:
                byte = raw.recv(1)  # not one byte of the stream behind the header may be taken
                if not byte:
                    break
                head += byte
        except OSError as error:
            raw.close()
            raise TagsealError(SANDBOX_UNAVAILABLE, f"The engine at {self._path} does not answer: {error}.") from error
        if f" {_SWITCHED} ".encode() not in head.split(b"\r\n", 1)[0]:
            raw.close()
            raise TagsealError(SANDBOX_UNAVAILABLE, f"The engine does not attach to {container[:12]}: {head[:200]!r}.")
        return raw
