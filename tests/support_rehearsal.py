"""Rehearsals through the real command line, and projects to rehearse."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support_git import Repo, make_repository
from support_release import CACHE, REPOSITORY, example_files

CERTIFICATES = ("CERT_FILE", "CA_BUNDLE", "CERT", "CERT_DIR")


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a command a person runs: no tokens, the machine's caches and registries."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_CONFIG") if name in os.environ
    }
    kept |= {name: value for name, value in os.environ.items() if name.endswith(CERTIFICATES)}
    kept |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    return {**kept, "XDG_CACHE_HOME": str(CACHE), **extra}


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How a rehearsal ended."""

    exit_code: int
    data: Mapping[str, Any]
    """The object `--json` printed."""
    out: Path

    @property
    def result(self) -> Mapping[str, Any]:
        return dict(self.data["result"])

    @property
    def error(self) -> str:
        """Id of the error it stopped with before the first step; empty when there was none."""
        return str((self.data.get("error") or {}).get("code", ""))

    @property
    def verdicts(self) -> dict[str, str]:
        """Node -> verdict, in the order of the release."""
        return {line["step"]: line["verdict"] for line in self.result["steps"]}

    @property
    def problems(self) -> dict[str, str]:
        """What would have stopped a real release: code -> what and fix."""
        return {entry["code"]: f"{entry['what']} {entry['fix']}" for entry in self.result["would_have_stopped"]}


def words(*arguments: str | Path) -> list[str]:
    """Return the command line of a rehearsal."""
    return [sys.executable, "-m", "tagseal", "rehearse", *map(str, arguments)]


def rehearse(out: Path, *arguments: str | Path, cwd: Path | None = None, wrapper: Sequence[str] = ()) -> Rehearsed:
    """Rehearse into `out` with `--json`; `wrapper` is a program (with options) that runs it."""
    done = subprocess.run(
        [*wrapper, *words(*arguments, "--out", out, "--json")],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.startswith("{"), done.stderr
    return Rehearsed(done.returncode, json.loads(done.stdout), out)


def make_example(path: Path, files: Mapping[str, str | bytes] | None = None, *, without: Iterable[str] = ()) -> Repo:
    """Make a repository of the bundled example with other or fewer files and a GitHub remote."""
    content = {**example_files(), **(files or {})}
    project = make_repository(path, {name: data for name, data in content.items() if name not in set(without)})
    project.git("remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")
    return project


def fingerprint(folder: Path) -> dict[str, str]:
    """Return path -> mode, modification time and digest of everything in a folder, `.git` included."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest = hashlib.sha256(data).hexdigest()
        found[path.relative_to(folder).as_posix()] = f"{info.st_mode:o} {info.st_mtime_ns} {digest}"
    return found


def members(archive: Path) -> dict[str, bytes]:
    """Return the regular files of an sdist or wheel, name -> content."""
    if archive.suffix == ".whl":
        import zipfile

        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(archive) as sdist:
        files = {member.name: sdist.extractfile(member) for member in sdist.getmembers() if member.isfile()}
        return {name: stream.read() for name, stream in files.items() if stream is not None}
