"""The listening socket under the loopback server: quick to start, quick to stop, quiet about what clients do."""

from __future__ import annotations

import socket
import socketserver
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

Connection: TypeAlias = socket.socket | tuple[bytes, socket.socket]
"""As socketserver types it; ours are always sockets."""


class Listener(ThreadingHTTPServer):
    """Accepts connections; asks no name server, is silent about clients that hang up, and stops at once."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def server_bind(self) -> None:
        """Bind without the look-up of our own host name, which needs a network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Connection, client_address: object) -> None:
        """Remember the connection while it is open."""
        if isinstance(request, socket.socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Connection) -> None:
        """Forget the connection."""
        if isinstance(request, socket.socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Free the port and hang up: a kept-alive connection must not outlive the service."""
        super().server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Connection, client_address: object) -> None:
        """Print what is wrong with a service, not what a client does."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
