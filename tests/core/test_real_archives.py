"""Real files of real releases, pinned by SHA-256: read, inspected and repacked as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tagseal.core.artifacts import measure
from tagseal.core.checks import Verdict
from tagseal.core.inspection import inspect_file
from tagseal.core.repack import repack
from tagseal.core.version_file import why_not_constants

PINNED = [
    ("flask==3.1.2", ".tar.gz", "bf656c15c80190ed628ad08cdfd3aaa35beb087855e2f494910aa3774cc4fd87"),
    ("flask==3.1.2", ".whl", "ca1d8112ec8a6158cc29ea4858963350011b5c846a414cdb7a954aa9e967d03c"),
    ("attrs==25.4.0", ".whl", "adcf7e2a1fb3b36ac48d97835bb6d8ade15b8dcce26aba8bf1d14847b57a3373"),
    ("pytest==8.4.2", ".whl", "872f880de3fc3a5bdc88a11b39c9710c3497a547cfa9320bc3c5e62fbf272e79"),
]
"""Made by flit, hatchling, and setuptools with setuptools-scm. (pip builds an sdist's metadata: one is enough.)"""


def fetched(folder: Path, requirement: str, suffix: str, sha256: str) -> Path:
    """Download one file with pip, which compares the hash."""
    listed = folder / "requirements.txt"
    listed.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    kind = "--only-binary=:all:" if suffix == ".whl" else "--no-binary=:all:"
    argv = [*(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"), kind]
    subprocess.run(
        [*argv, "--require-hashes", "--dest", str(folder / "files"), "--requirement", str(listed)],
        check=True,
        capture_output=True,
        timeout=180,
    )
    (path,) = (folder / "files").iterdir()
    return path


@pytest.mark.registry
@pytest.mark.parametrize(("requirement", "suffix", "sha256"), PINNED)
def test_real_file(tmp_path: Path, requirement: str, suffix: str, sha256: str) -> None:
    path = fetched(tmp_path, requirement, suffix, sha256)
    data = path.read_bytes()
    artifact, members = measure(path.name, data)
    assert artifact.sha256 == f"sha256:{sha256}"
    version = requirement.rpartition("=")[2]
    _, checks = inspect_file(artifact, members, version=version, holds_known=lambda _: False)
    failed = [check.subject for check in checks if check.verdict is Verdict.FAIL]
    # Flask's sdist has a made-up `.env` among its tests.
    assert failed == (["flask-3.1.2.tar.gz:flask-3.1.2/tests/test_apps/.env"] if suffix == ".tar.gz" else [])
    once = repack(path.name, data, epoch_s=1_700_000_000)
    assert repack(path.name, once.data, epoch_s=1_700_000_000) == once
    version_files = [member for member in members if member.path.endswith("/_version.py")]
    assert [why_not_constants(member.data) for member in version_files] == [""] * len(version_files)
