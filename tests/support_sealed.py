"""What a finished release looks like to a consumer who has other people's programs and no network."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support_peers import peer
from support_release import REPOSITORY, Release
from tagseal.rehearsal.claims import BUILDER, ISSUER
from tagseal.rehearsal.services import BUILDER_SAN, SIGNER_DIGEST

WHEEL: Final = "example_widget-1.0.0-py3-none-any.whl"
SDIST: Final = "example_widget-1.0.0.tar.gz"
FILES: Final = (WHEEL, SDIST)
OTHER_SAN: Final = "https://github.com/mallory/tagseal/.github/workflows/seal.yml@refs/tags/v0.1.0"

__all__ = ["BUILDER", "BUILDER_SAN", "FILES", "ISSUER", "OTHER_SAN", "REPOSITORY", "SDIST", "SIGNER_DIGEST", "WHEEL"]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A release that ended well; its services still answer."""

    made: Release
    trust: Path
    """Folder with the run's roots, as a rehearsal leaves them."""

    @property
    def commit(self) -> str:
        return self.made.services.subject.commit

    def dist(self, name: str) -> Path:
        return self.made.directory / "dist" / name

    def signed(self, name: str) -> Path:
        """A file of attestations/."""
        return self.made.directory / "attestations" / name


def altered(file: Path, folder: Path) -> Path:
    """Return a copy of `file` under the same name in which one bit differs."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    copy = folder / file.name
    copy.write_bytes(data)
    return copy


def offline(program: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a client that has no login, no configuration and a proxy that nobody answers at."""
    argv = [sys.executable, "-m", program] if program in {"sigstore", "pypi_attestations"} else [peer(program)]
    env = {
        "PATH": os.defpath,
        "HOME": os.environ["HOME"],
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        **environment,
    }
    return subprocess.run(
        [*argv, *map(str, arguments)], env=env, capture_output=True, text=True, check=False, timeout=60
    )
