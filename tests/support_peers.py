"""Finds clients that nobody here wrote; a machine without one skips the test by its name, but never in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Read before any test scrubs the environment and moves HOME.
_FOLDER = Path(os.environ.get("TAGSEAL_PEERS") or Path.home() / ".cache" / "tagseal-peers") / "bin"


def peer(name: str) -> str:
    """Return the path of the program `name`: from `$TAGSEAL_PEERS/bin`, else from PATH."""
    found = shutil.which(name, path=str(_FOLDER)) or shutil.which(name)
    if found:
        return found
    if os.environ.get("CI"):
        pytest.fail(f"{name} is missing; with CI set every peer must be there (make peers)")
    pytest.skip(f"{name} is not installed (make peers)")
