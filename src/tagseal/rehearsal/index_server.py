"""The index's two loopback listeners: http, and https for clients that insist on it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tagseal.rehearsal.http import Fault, Server
from tagseal.rehearsal.index import IndexService
from tagseal.rehearsal.started import Started


class IndexServer(Started):
    """Two loopback listeners, http and https, over one index; `with` it, or call `start` and `stop`."""

    def __init__(self, service: IndexService, tls: ssl.SSLContext) -> None:
        """Take two free ports at once; answer from `start` on."""
        self.service = service
        self.plain = Server(lambda request: service.handle(request, base_url=self.url))
        self.secure = Server(lambda request: service.handle(request, base_url=self.https_url), tls=tls)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return self.plain.url

    @property
    def https_url(self) -> str:
        """`https://127.0.0.1:<port>`."""
        return self.secure.url

    def start(self) -> None:
        """Begin to answer."""
        self.plain.start()
        self.secure.start()

    def stop(self) -> None:
        """Stop answering and free the ports."""
        self.plain.stop()
        self.secure.stop()

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """Inject `fault` into both listeners within the block; each counts its own `times`."""
        with ExitStack() as stack:
            stack.enter_context(self.plain.fault(fault))
            stack.enter_context(self.secure.fault(fault))
            yield
