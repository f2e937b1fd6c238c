"""One fixture for the kinds that isolate: what holds in one must hold in the other."""

from __future__ import annotations

import pytest

import support_docker
from tagseal.adapters.sandbox import choose, namespaces
from tagseal.ports import Sandbox


def docker_sandbox() -> Sandbox:
    """Return the sandbox of the image that tests/tools/docker_engine.py built."""
    return choose("docker", support_docker.image_id())


def namespaces_sandbox() -> Sandbox:
    """Return the namespaces sandbox."""
    if not namespaces.is_available():
        pytest.skip("this machine lets nobody make namespaces here")
    return choose("namespaces", "")


@pytest.fixture(params=["namespaces", pytest.param("docker", marks=pytest.mark.docker)])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Return each kind of sandbox that isolates."""
    return docker_sandbox() if request.param == "docker" else namespaces_sandbox()
