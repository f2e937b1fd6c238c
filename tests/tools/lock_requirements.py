"""Renew requirements/*.txt: every file hash-locked, the larger ones holding the smaller ones' versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import uv

TOP = Path(__file__).resolve().parent.parent.parent
FILES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("release.txt", ("--extra", "release"), ""),
    ("base.txt", (), "release.txt"),
    ("rehearse.txt", ("--extra", "rehearse"), "release.txt"),
    ("dev.txt", ("--extra", "rehearse", "--group", "dev"), "rehearse.txt"),
)


def compile_one(name: str, selection: tuple[str, ...], constraints: str, source: str = "pyproject.toml") -> None:
    """Write one lock."""
    held = ["-c", f"requirements/{constraints}"] if constraints else []
    words = ["pip", "compile", "-q", "--generate-hashes", "--no-header", "-p", "3.11", *selection, *held, source]
    subprocess.run(
        [uv.find_uv_bin(), *words, "-o", f"requirements/{name}", *sys.argv[1:]], cwd=TOP, check=True, timeout=300
    )


if __name__ == "__main__":
    for file_name, chosen, constraint in FILES:
        compile_one(file_name, chosen, constraint)
    compile_one("setup.txt", (), "release.txt", source="requirements/setup.in")
