"""Releases that go wrong: a project with a backend of its own choice, built from a loopback index alone.

The project is tests/projects/in-tree under the bundled example's name and version, so that one line decides which
of tests/projects/backends builds it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import support_builds
from support_git import Repo, SshKey, make_repository, make_ssh_key
from support_release import Ended, Release, policy_for, release
from tagseal.core import sums

PYTHON = ".".join(map(str, sys.version_info[:2]))
FILES = ("example_widget-1.0.0-py3-none-any.whl", "example_widget-1.0.0.tar.gz")
_NAMES = {"tiny_tree": "example_widget", "tiny-tree": "example-widget", "1.2.3": "1.0.0", "1.2.4": "1.0.1"}


def _renamed(text: str) -> str:
    for old, new in _NAMES.items():
        text = text.replace(old, new)
    return text


@dataclass(frozen=True, slots=True)
class Tools:
    """A package index with the build tools, and the lock that pins them."""

    index: support_builds.LoopbackIndex
    lock: bytes
    home: Path

    def environment(self) -> dict[str, str]:
        """Return the settings that make a step fetch from this index, with a cache of its own."""
        return {**self.index.environment(self.home), "XDG_CACHE_HOME": str(self.home / ".cache")}


@contextmanager
def tools(root: Path) -> Iterator[Tools]:
    """Serve the build tools for as long as the block runs."""
    with support_builds.loopback_index(root / "served") as index:
        lock = support_builds.requirements(index, root / "home").lock(("build",), python_version=PYTHON)
        yield Tools(index, lock, root / "home")


def backend_files(backend: str) -> Mapping[str, str]:
    """Return the files that choose one of tests/projects/backends."""
    chosen = (support_builds.PROJECTS / "backends" / f"{backend}.py").read_text(encoding="utf-8")
    return {"backend/chosen.py": _renamed(chosen)}


def project_files(lock: bytes, key: SshKey, backend: str = "good") -> dict[str, str | bytes]:
    """Return the whole project, path -> content."""
    root = support_builds.PROJECTS / "in-tree"
    found: dict[str, str | bytes] = {
        _renamed(path.relative_to(root).as_posix()): _renamed(path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return {**found, **backend_files(backend), "pylock.build.toml": lock, ".github/tagseal.yml": policy_for(key)}


@dataclass(frozen=True, slots=True)
class Source:
    """A project and the key that may sign its tags."""

    project: Repo
    key: SshKey

    def mend(self, files: Mapping[str, str | bytes]) -> None:
        """Commit other files and sign the tag anew, as a maintainer does who had not pushed it yet."""
        self.project.commit(files)
        self.project.tag_ssh("v1.0.0", self.key)


def make_source(folder: Path, lock: bytes, backend: str = "good") -> Source:
    """Make the project's repository with a signed tag v1.0.0."""
    folder.mkdir(parents=True)
    key = make_ssh_key(folder / "key")
    project = make_repository(folder / "project", project_files(lock, key, backend))
    project.tag_ssh("v1.0.0", key)
    return Source(project, key)


@contextmanager
def bad_release(folder: Path, made: Tools, source: Source) -> Iterator[Release]:
    """Give a release of `source` whose builds fetch from `made` alone."""
    with release(folder, source.project) as found:
        yield replace(found, environment=made.environment())


def command(made: Release, *words: str) -> Ended:
    """Run a command that is not a step, as a process of its own."""
    argv = [sys.executable, "-m", "tagseal", words[0], "--json", *words[1:]]
    done = subprocess.run(argv, env=made.variables(words[0]), capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, json.loads(done.stdout), done.stderr)


def assert_one_error(ended: Ended, code: str, exit_code: int) -> None:
    """The command printed one object with one error of that code, and ended with its exit code."""
    assert (ended.error, ended.exit_code) == (code, exit_code), (ended.data, ended.stderr)
    assert ended.data["exit_code"] == exit_code
    error = ended.data["error"]
    assert error["what"]
    assert error["why"]
    assert error["fix"]
    assert error["docs"].endswith(f"#{code}")


def assert_sound(made: Release, *, failed: str = "") -> None:
    """Nothing in the directory contradicts its records; `failed` is the one node that may have left a FAIL."""
    if not (made.directory / "steps").is_dir():
        return
    ended = made.audit()
    found = [
        (check["code"], check["subject"]) for check in ended.data["result"]["checks"] if check["verdict"] == "FAIL"
    ]
    assert found == ([("step-failed", failed)] if failed else []), ended.data
    assert not (made.directory / ".staging").exists()
    assert [path.name for path in made.directory.rglob(".writing-*")] == []


def assert_nothing_public(made: Release) -> None:
    """Neither the index nor the forge has anything."""
    assert made.services.index.service.files == {}
    assert all(entry.is_draft for entry in made.services.forge.store.releases.values())


def assert_only_sealed_is_public(made: Release) -> None:
    """Whatever the index has is in SHA256SUMS with these bytes."""
    files = made.services.index.service.files
    sealed = sums.parse((made.directory / "SHA256SUMS").read_bytes()) if files else {}
    for name, stored in files.items():
        assert sealed[name] == f"sha256:{hashlib.sha256(stored.data).hexdigest()}"
