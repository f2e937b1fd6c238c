"""What every machine has: sha256sum over the sealed files, and pip installing from the index by hash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support_peers import peer
from support_sealed import FILES, WHEEL, Sealed, altered
from tagseal.core import sums


@pytest.mark.peer("sha256sum")
@pytest.mark.promise("R10")
@pytest.mark.promise("R15")
def test_sha256sum_accepts_the_files_and_no_altered_one(sealed: Sealed, tmp_path: Path) -> None:
    folder = tmp_path / "download"
    shutil.copytree(sealed.made.directory / "dist", folder)
    shutil.copy2(sealed.made.directory / "SHA256SUMS", folder)

    def check() -> tuple[int, str]:
        words = [peer("sha256sum"), "--check", "--strict", "SHA256SUMS"]
        done = subprocess.run(
            words, cwd=folder, env={"LC_ALL": "C"}, capture_output=True, text=True, check=False, timeout=30
        )
        return done.returncode, done.stdout

    assert check() == (0, "".join(f"{name}: OK\n" for name in FILES))
    altered(sealed.dist(WHEEL), folder)
    assert check() == (1, "".join(f"{name}: {'FAILED' if name == WHEEL else 'OK'}\n" for name in FILES))
    (folder / WHEEL).unlink()
    assert check()[0] == 1


def install(sealed: Sealed, requirements: str, target: Path) -> subprocess.CompletedProcess[str]:
    """Run a stock pip against the index of the release."""
    locked = target.with_suffix(".txt")
    locked.write_text(requirements)
    options = ["--isolated", "--no-deps", "--no-cache-dir", "--require-hashes", "--target", str(target)]
    index = ["--index-url", f"{sealed.made.services.index.url}/simple/"]
    return subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, *index, "-r", str(locked)],
        env={"PATH": os.defpath, "HOME": str(target.parent), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INPUT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.peer("pip")
@pytest.mark.promise("R10")
@pytest.mark.promise("R24")
def test_pip_installs_what_was_sealed_and_nothing_else(sealed: Sealed, tmp_path: Path) -> None:
    digests = sums.parse((sealed.made.directory / "SHA256SUMS").read_bytes())
    line = "example-widget==1.0.0 --hash={}\n"
    good = install(sealed, line.format(digests[WHEEL]), tmp_path / "good")
    assert good.returncode == 0, good.stderr
    assert (tmp_path / "good" / "example_widget" / "__init__.py").is_file()
    bad = install(sealed, line.format(f"sha256:{'0' * 64}"), tmp_path / "bad")
    assert bad.returncode == 1
    assert "DO NOT MATCH THE HASHES" in bad.stderr
    assert not (tmp_path / "bad").exists()


@pytest.mark.peer("pip")
@pytest.mark.promise("R10")
@pytest.mark.promise("R14")
def test_pip_refuses_a_file_that_the_index_has_exchanged(sealed: Sealed, tmp_path: Path) -> None:
    from dataclasses import replace

    digests = sums.parse((sealed.made.directory / "SHA256SUMS").read_bytes())
    files = sealed.made.services.index.service.files
    stored = files[WHEEL]
    try:
        files[WHEEL] = replace(stored, data=altered(sealed.dist(WHEEL), tmp_path).read_bytes())
        done = install(sealed, f"example-widget==1.0.0 --hash={digests[WHEEL]}\n", tmp_path / "target")
    finally:
        files[WHEEL] = stored
    assert done.returncode == 1
    assert not (tmp_path / "target").exists()
