from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support_attest import ARTIFACTS, BUILT, INSPECTED, SDIST, WHEEL, release, sha256
from tagseal.adapters.clock import SystemClock
from tagseal.rehearsal.sigstore_services import SigstoreServices


@pytest.fixture(scope="module")
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=SystemClock()) as running:
        yield running


@pytest.mark.promise("R5")
@pytest.mark.promise("R10")
@pytest.mark.peer("sha256sum")
def test_the_sums_are_what_sha256sum_writes_and_accepts(tmp_path: Path, services: SigstoreServices) -> None:
    made = release(tmp_path, services)
    done = made.run("hash")
    assert done.verdict == "PASS"
    data = (tmp_path / "SHA256SUMS").read_bytes()
    dist = tmp_path / "dist"
    program = shutil.which("sha256sum") or ""
    assert data == subprocess.run([program, WHEEL, SDIST], cwd=dist, capture_output=True, check=True).stdout
    subprocess.run([program, "--check", "--strict", "../SHA256SUMS"], cwd=dist, capture_output=True, check=True)
    assert base64.b64decode((tmp_path / "steps/hash/subjects.b64").read_bytes()) == data
    assert made.files("steps/hash") == ["link.json", "record.json", "result.json", "subjects.b64"]


@pytest.mark.promise("R10")
def test_a_file_changed_after_the_build_never_gets_a_sum(tmp_path: Path, services: SigstoreServices) -> None:
    made = release(tmp_path, services)
    (tmp_path / "dist" / WHEEL).write_bytes(b"other bytes")
    assert made.error("hash").code.id == "release-file-changed"
    assert not (tmp_path / "SHA256SUMS").exists()


def test_a_file_that_inspect_did_not_see_stops_it(tmp_path: Path, services: SigstoreServices) -> None:
    made = release(tmp_path, services, inspected=replace(INSPECTED, artifacts=ARTIFACTS[:1]))
    error = made.error("hash")
    assert (error.code.id, error.exit_code) == ("hash-differs-from-build", 1)
    assert error.what == f"dist/ is not what inspect recorded: {SDIST} was added."
    assert not (tmp_path / "SHA256SUMS").exists()


@pytest.mark.promise("R5")
def test_bytes_other_than_the_builds_stop_it(tmp_path: Path, services: SigstoreServices) -> None:
    other = (replace(ARTIFACTS[0], sha256="sha256:" + "0" * 64), *ARTIFACTS[1:])
    error = release(tmp_path, services, built=replace(BUILT, artifacts=other)).error("hash")
    assert error.code.id == "hash-differs-from-build"
    assert f"{other[0].name} has {ARTIFACTS[0].sha256}, expected sha256:000" in error.what


def test_an_empty_dist_is_an_error(tmp_path: Path, services: SigstoreServices) -> None:
    error = release(tmp_path, services, dist={}).error("hash")
    assert (error.code.id, error.exit_code) == ("nothing-to-hash", 1)


def test_a_name_that_the_format_must_escape_is_refused(tmp_path: Path, services: SigstoreServices) -> None:
    name, data = "wid\\get.whl", b"x"
    odd = (replace(ARTIFACTS[0], name=name, sha256=sha256(data)),)
    made = release(
        tmp_path,
        services,
        dist={name: data},
        built=replace(BUILT, artifacts=odd),
        inspected=replace(INSPECTED, artifacts=odd),
    )
    assert made.error("hash").code.id == "sums-invalid"


def test_again_with_the_same_files_is_the_same(tmp_path: Path, services: SigstoreServices) -> None:
    made = release(tmp_path, services)
    made.run("hash")
    first = [(tmp_path / path).read_bytes() for path in ("SHA256SUMS", "steps/hash/result.json")]
    made.run("hash")
    assert [(tmp_path / path).read_bytes() for path in ("SHA256SUMS", "steps/hash/result.json")] == first
    assert hashlib.sha256(first[0]).hexdigest() in (tmp_path / "steps/hash/record.json").read_text()
