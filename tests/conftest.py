"""Shared fixtures: a scrubbed environment and no network but loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from support_promise import pytest_itemcollected, pytest_runtest_logreport, pytest_sessionfinish

__all__ = ["pytest_itemcollected", "pytest_runtest_logreport", "pytest_sessionfinish"]  # pytest finds hooks here

_SCRUBBED = (
    "GITHUB_",
    "ACTIONS_",
    "RUNNER_",
    "INPUT_",
    "PYPI_",
    "SIGSTORE_",
    "TWINE_",
    "UV_PUBLISH",
    "TAGSEAL_",
)


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remove what a CI machine sets and give each test a HOME of its own."""
    for name in list(os.environ):
        if name.startswith(_SCRUBBED):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(autouse=True)
def loopback_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse connections of this process to anything but loopback, unless the test is marked `registry`."""
    if request.node.get_closest_marker("registry"):
        yield
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and host not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"the test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield
