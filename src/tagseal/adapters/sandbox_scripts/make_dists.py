"""Runs inside the sandbox: makes the locked environment, builds the sdist, then the wheel from that sdist.

Usage: make_dists.py START_S

START_S is 0, or the time outside when the job was started and must not be visible here: if this clock still
shows it (nothing shifted the clock), the build starts three seconds later instead.

The exit codes below tell the trusted side which stage failed; they are a claim that only words an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import locked_env  # type: ignore[import-not-found]  # stands beside this file in the sandbox

ROOT = Path(__file__).absolute().parents[2]
"""/build, except in a plain process, which cannot have that path for itself."""
ENV = ROOT / "tmp" / "env"
SOURCE = ROOT / "src"
WHEELS = ROOT / "in" / "wheels"
OUT = ROOT / "out"
SCRATCH = ROOT / "tmp"

LOCK_STALE = 81
SDIST_FAILED = 82
SDIST_UNREADABLE = 83
WHEEL_FAILED = 84

_LATER_S = 3.0
_SAME_CLOCK_S = 3600.0


def main(start_s: float) -> int:
    """Build; return the exit code."""
    Path(os.environ["HOME"]).mkdir(parents=True, exist_ok=True)
    site = locked_env.make(ENV, WHEELS)
    sys.path.append(str(site))
    import build

    if start_s and abs(time.time() - start_s) < _SAME_CLOCK_S:
        time.sleep(_LATER_S)
    elif start_s:
        shutil.copy(Path(__file__).with_name("shifted_clock.py"), site)
        (site / "shifted_clock.pth").write_text("import shifted_clock\n", encoding="utf-8")
    builder = build.ProjectBuilder(SOURCE, python_executable=str(ENV / "bin" / "python"), runner=run_hook)
    if missing := sorted(
        {chain[-1] for need in builder.build_system_requires for chain in build.check_dependency(need)}
    ):
        say(f"not in the build lock: {', '.join(missing)}")
        return LOCK_STALE
    try:
        sdist = Path(builder.build("sdist", OUT))
    except Exception as error:  # noqa: BLE001 - whatever a backend does is its failure
        say(f"building the sdist failed: {error}")
        return SDIST_FAILED
    try:
        unpacked = unpack(sdist, SCRATCH / "sdist")
    except (OSError, EOFError, ValueError, tarfile.TarError) as error:
        say(f"the sdist cannot be unpacked: {error}")
        return SDIST_UNREADABLE
    try:
        wheel_builder = build.ProjectBuilder(unpacked, python_executable=str(ENV / "bin" / "python"), runner=run_hook)
        wheel_builder.build("wheel", OUT)
    except Exception as error:  # noqa: BLE001 - the same
        say(f"building the wheel from the sdist failed: {error}")
        return WHEEL_FAILED
    return 0


def say(text: str) -> None:
    """Write one line to the job's log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_hook(cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
    """Run one backend hook in a process of its own, its output in our log."""
    subprocess.run(cmd, cwd=cwd, env={**os.environ, **(extra_environ or {})}, check=True)


def unpack(sdist: Path, dest: Path) -> Path:
    """Unpack an sdist and return its only top folder."""
    dest.mkdir(parents=True)
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(dest, filter="data")
        else:  # Python before 3.11.4; whatever the archive holds, it stays in this sandbox
            archive.extractall(dest)  # noqa: S202 - see above
    folders = list(dest.iterdir())
    if len(folders) != 1 or not folders[0].is_dir():
        raise ValueError("it does not hold exactly one folder")
    return folders[0]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
