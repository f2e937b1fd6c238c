"""Rehearsals of real projects from the package index, pinned by digest in tests/projects/real.toml."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support_git import COMMIT_TIME_S, Repo, make_repository
from support_rehearsal import environment, members, rehearse
from support_release import CACHE
from tagseal.steps import RELEASE_ORDER

pytestmark = pytest.mark.registry
PINS: dict[str, Any] = tomllib.loads((Path(__file__).parent.parent / "projects" / "real.toml").read_text())


@dataclass(frozen=True, slots=True)
class Pin:
    """One project of real.toml."""

    name: str
    version: str
    backend: str
    sdist: str
    sha256: str


def pin(name: str) -> Pin:
    return Pin(name=name, **PINS[name])


def download(wanted: Pin, folder: Path) -> Path:
    """Return the sdist, fetched by pip from the index it is configured for, by digest."""
    kept = CACHE / "tagseal-tests" / wanted.sha256 / wanted.sdist
    if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != wanted.sha256:
        requirement = folder / "requirement.txt"
        requirement.write_text(f"{wanted.name}=={wanted.version} --hash=sha256:{wanted.sha256}\n")
        options = ["--quiet", "--no-deps", "--no-binary", wanted.name, "--dest", str(folder)]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, "--require-hashes", "-r", str(requirement)],
            env=environment(PIP_CACHE_DIR=str(CACHE / "pip")),
            check=True,
            timeout=120,
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / wanted.sdist, kept)
    return kept


def project_of(wanted: Pin, folder: Path) -> Repo:
    """Commit the sdist's files to a new repository, but what building it has added."""
    folder.mkdir()
    with tarfile.open(download(wanted, folder)) as archive:
        archive.extractall(folder, filter="data")
    top = folder / wanted.sdist.removesuffix(".tar.gz")
    (top / "PKG-INFO").unlink()
    for made in sorted(top.rglob("*.egg-info")):
        shutil.rmtree(made)
    project = make_repository(top, {})
    project.git("remote", "add", "origin", f"https://github.com/acme/{wanted.name}.git")
    return project


def built(project: Repo, folder: Path) -> Path:
    """Build a clean copy of the project as everybody does; return the folder of the files."""
    folder.mkdir()
    tree, dist = folder / "tree", folder / "dist"
    project.git("clone", "--quiet", ".", str(tree))
    shutil.rmtree(tree / ".git")
    subprocess.run(
        [sys.executable, "-m", "build", "--installer", "uv", "--outdir", str(dist), str(tree)],
        env=environment(SOURCE_DATE_EPOCH=str(COMMIT_TIME_S)),
        capture_output=True,
        check=True,
        timeout=120,
    )
    return dist


def content(archive: Path) -> dict[str, object]:
    """Return what an archive holds; the lines of a wheel's RECORD have no order."""
    found = members(archive)
    return {name: set(data.splitlines()) if name.endswith("/RECORD") else data for name, data in found.items()}


@pytest.mark.promise("R5")
@pytest.mark.promise("R13")
@pytest.mark.parametrize("name", ["idna", "uvicorn", "python-dotenv"])
def test_a_real_project_is_rehearsed_without_any_configuration(tmp_path: Path, name: str) -> None:
    wanted = pin(name)
    project = project_of(wanted, tmp_path / "source")
    backend = tomllib.loads((project.path / "pyproject.toml").read_text())["build-system"]["build-backend"]
    assert backend == wanted.backend
    ended = rehearse(tmp_path / "out", project.path)
    assert ended.exit_code == 0, ended.data
    assert ended.verdicts == dict.fromkeys(RELEASE_ORDER, "PASS"), ended.result["unknown"]
    assert ended.result["tag"] == f"v{wanted.version}"
    assert sorted(ended.problems) == ["lock-missing", "no-signers"]

    sealed, plain = tmp_path / "out" / "release" / "dist", built(project, tmp_path / "plain")
    names = sorted(path.name for path in sealed.iterdir())
    assert names == sorted(path.name for path in plain.iterdir())
    assert names == sorted([wanted.sdist, f"{wanted.sdist.removesuffix('.tar.gz')}-py3-none-any.whl"])
    for file in names:
        assert content(sealed / file) == content(plain / file), file


@pytest.mark.promise("R22")
def test_a_real_project_that_ships_private_keys_is_stopped(tmp_path: Path) -> None:
    wanted = pin("requests")
    ended = rehearse(tmp_path / "out", project_of(wanted, tmp_path / "source").path)
    assert ended.exit_code == 1
    assert ended.result["tag"] == f"v{wanted.version}"
    assert list(ended.verdicts)[-1] == "inspect"
    assert ended.verdicts["inspect"] == "FAIL"
    assert ended.verdicts["compare"] == "PASS"
    assert "ca-private.key holds a private key" in (tmp_path / "out/release/steps/inspect/result.json").read_text()
    assert not (tmp_path / "out" / "public").exists()
