"""Run the whole test suite: install what the machine lacks, start a Docker engine where that is possible.

usage: run_tests.py [pytest arguments]
What a machine cannot have is skipped by name; with CI set a missing engine or peer is a failure (the tests say so).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
PACKAGES = {  # program or library that must be there -> Debian package
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1": "libfaketime",
    "/usr/bin/gpg": "gpg",
    "/usr/bin/gpgv": "gpgv",
    "/usr/bin/ssh-keygen": "openssh-client",
    "/usr/bin/git": "git",
    "/usr/bin/bwrap": "bubblewrap",
}


def install() -> None:
    """Install Debian packages the tests use, when this is Debian and we are root."""
    missing = [package for path, package in PACKAGES.items() if not Path(path).exists()]
    if not missing or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False, timeout=300)
    subprocess.run(["apt-get", "install", "-y", "-qq", *missing], env=environment, check=False, timeout=600)


def main(words: list[str]) -> int:
    """Run everything; return pytest's exit code."""
    install()
    engine = [sys.executable, str(TOP / "tests/tools/docker_engine.py")]
    subprocess.run([*engine, "up"], check=False, timeout=1200)
    try:
        arguments = ["-n", "2", "--dist", "loadgroup", "--cov", "--cov-report=term:skip-covered", *words]
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=TOP, check=False).returncode
    finally:
        subprocess.run([*engine, "down"], check=False, timeout=120)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
