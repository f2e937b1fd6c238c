"""Runs inside the sandbox: makes the locked environment, builds the sdist, then the wheel from that sdist.

Usage: build_inside.py START_S   (working directory: anywhere; paths are fixed, see below)

START_S is 0, or the time outside when the job was started and must not be visible here: if this clock still
shows it (nothing shifted the clock), the build starts three seconds later instead.

The exit codes below tell the trusted side which stage failed; they are a claim that only words an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import locked_env

ENV = Path("/build/env")
SOURCE = Path("/build/src")
WHEELS = Path("/build/in/wheels")
OUT = Path("/build/out")
UNPACKED = Path("/build/tmp/sdist")

LOCK_STALE = 81
SDIST_FAILED = 82
SDIST_UNREADABLE = 83
WHEEL_FAILED = 84

_LATER_S = 3.0
_SAME_CLOCK_S = 3600.0


def main(start_s: float) -> int:
    """Build; return the exit code."""
    Path(os.environ["HOME"]).mkdir(parents=True, exist_ok=True)
    sys.path.append(str(locked_env.make(ENV, WHEELS)))
    import build  # noqa: PLC0415 - found in the environment just made

    if start_s and abs(time.time() - start_s) < _SAME_CLOCK_S:
        time.sleep(_LATER_S)
    builder = build.ProjectBuilder(SOURCE, python_executable=str(ENV / "bin" / "python"), runner=run_hook)
    if missing := sorted({chain[-1] for need in builder.build_system_requires for chain in build.check_dependency(need)}):
        print("not in the build lock:", ", ".join(missing), flush=True)
        return LOCK_STALE
    try:
        sdist = Path(builder.build("sdist", OUT))
    except Exception as error:  # noqa: BLE001 - whatever a backend does is its failure
        print(f"building the sdist failed: {error}", flush=True)
        return SDIST_FAILED
    try:
        unpacked = unpack(sdist, UNPACKED)
    except (OSError, EOFError, ValueError, tarfile.TarError) as error:
        print(f"the sdist cannot be unpacked: {error}", flush=True)
        return SDIST_UNREADABLE
    try:
        wheel_builder = build.ProjectBuilder(unpacked, python_executable=str(ENV / "bin" / "python"), runner=run_hook)
        wheel_builder.build("wheel", OUT)
    except Exception as error:  # noqa: BLE001 - the same
        print(f"building the wheel from the sdist failed: {error}", flush=True)
        return WHEEL_FAILED
    return 0


def run_hook(command: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
    """Run one backend hook in a process of its own, its output in our log."""
    subprocess.run(command, cwd=cwd, env={**os.environ, **(extra_environ or {})}, check=True)


def unpack(sdist: Path, dest: Path) -> Path:
    """Unpack an sdist and return its only top folder."""
    dest.mkdir(parents=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(dest, filter="data")
    folders = list(dest.iterdir())
    if len(folders) != 1 or not folders[0].is_dir():
        raise ValueError("it does not hold exactly one folder")
    return folders[0]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
