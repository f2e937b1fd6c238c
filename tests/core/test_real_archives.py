"""Real releases, pinned by SHA-256: read, repacked and inspected as they are; one per family of build backend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tagseal.core.artifacts import measure
from tagseal.core.checks import Verdict
from tagseal.core.inspection import check_release, inspect_file
from tagseal.core.repack import repack
from tagseal.core.version_file import why_not_constants

PINNED = [
    (
        "flask==3.1.2",
        "flask-3.1.2-py3-none-any.whl",
        "ca1d8112ec8a6158cc29ea4858963350011b5c846a414cdb7a954aa9e967d03c",
        "flask-3.1.2.tar.gz",
        "bf656c15c80190ed628ad08cdfd3aaa35beb087855e2f494910aa3774cc4fd87",
    ),
    (
        "attrs==25.4.0",
        "attrs-25.4.0-py3-none-any.whl",
        "adcf7e2a1fb3b36ac48d97835bb6d8ade15b8dcce26aba8bf1d14847b57a3373",
        "attrs-25.4.0.tar.gz",
        "16d5969b87f0859ef33a48b35d55ac1be6e42ae49d5e853b597db70c35c57e11",
    ),
    (
        "pytest==8.4.2",
        "pytest-8.4.2-py3-none-any.whl",
        "872f880de3fc3a5bdc88a11b39c9710c3497a547cfa9320bc3c5e62fbf272e79",
        "pytest-8.4.2.tar.gz",
        "86c0d0b93306b961d58d62a4db4879f27fe25513d4b969df351abdddb3c30e01",
    ),
]
"""Made by flit, hatchling, and setuptools with setuptools-scm."""


def fetch(folder: Path, requirement: str, sha256: str, *options: str) -> None:
    """Download one file with pip, which compares the hash."""
    listed = folder / "requirements.txt"
    listed.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    argv = [*(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"), *options]
    subprocess.run(
        [*argv, "--require-hashes", "--dest", str(folder / "files"), "--requirement", str(listed)],
        check=True,
        capture_output=True,
        timeout=180,
    )
    listed.unlink()


@pytest.mark.registry
@pytest.mark.parametrize(("requirement", "wheel", "wheel_sha256", "sdist", "sdist_sha256"), PINNED)
def test_real_release(
    tmp_path: Path, requirement: str, wheel: str, wheel_sha256: str, sdist: str, sdist_sha256: str
) -> None:
    fetch(tmp_path, requirement, wheel_sha256, "--only-binary=:all:")
    fetch(tmp_path, requirement, sdist_sha256, "--no-binary=:all:")
    files = []
    for name in (wheel, sdist):
        data = (tmp_path / "files" / name).read_bytes()
        artifact, members = measure(name, data)
        inspected, checks = inspect_file(
            artifact, members, version=requirement.rpartition("=")[2], holds_known=lambda _: False
        )
        files.append(inspected)
        assert {check.code for check in checks if check.verdict is Verdict.FAIL} <= {"secret-in-artifact"}
        once = repack(name, data, epoch_s=1_700_000_000)
        assert repack(name, once.data, epoch_s=1_700_000_000) == once
        for member in members:
            if member.path.endswith("/_version.py"):
                assert why_not_constants(member.data) == ""
    assert [check.code for check in check_release(tuple(files)) if check.verdict is Verdict.FAIL] == []
