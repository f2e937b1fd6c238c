"""The Docker engine and image that tests/tools/docker_engine.py makes ready."""

from __future__ import annotations

import os
import subprocess

import pytest

IMAGE = "tagseal-test:local"


def image_id() -> str:
    """Return `sha256:<hex>` of our image; skip by name where there is no engine, fail where CI is set."""
    try:
        argv = ["docker", "image", "inspect", "--format", "{{.Id}}", IMAGE]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        reason = f"no Docker engine with {IMAGE}: run tests/tools/docker_engine.py up"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return done.stdout.strip()
