"""Build the Go clients that our results are checked with, from pinned modules (go.mod and go.sum beside this).

usage: peers.py [NAME …]      into ${TAGSEAL_PEERS:-~/.cache/tagseal-peers}/bin, keyed by go.sum: once a machine
Without Go a client is skipped by name; with CI set a client that cannot be built is a failure.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "peers" / "go"
PACKAGES = {
    "cosign": "github.com/sigstore/cosign/v3/cmd/cosign",
    "gh": "github.com/cli/cli/v2/cmd/gh",
}


def cache() -> Path:
    """Return the folder the programs are built into."""
    return Path(os.environ.get("TAGSEAL_PEERS") or Path.home() / ".cache" / "tagseal-peers")


def key(name: str) -> str:
    """Return what a build depends on, as hex."""
    state = hashlib.sha256(PACKAGES[name].encode())
    for file in ("go.mod", "go.sum"):
        state.update((HERE / name / file).read_bytes())
    return state.hexdigest()


def build(name: str) -> str | None:
    """Build one client unless it is there; return what is wrong, or None."""
    program, stamp = cache() / "bin" / name, cache() / f"{name}.key"
    if program.exists() and stamp.exists() and stamp.read_text() == key(name):
        return None
    if shutil.which("go") is None:
        return "Go is not installed"
    began = time.monotonic()
    program.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["go", "build", "-mod=readonly", "-trimpath", "-o", str(program), PACKAGES[name]],
        cwd=HERE / name,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    if done.returncode != 0:
        return f"go build failed: {done.stderr.strip()[-800:]}"
    stamp.write_text(key(name))
    print(f"built {name} in {time.monotonic() - began:.0f} s", flush=True)
    return None


def main(names: list[str]) -> int:
    """Build what is named, or everything."""
    missing = {name: why for name in names or PACKAGES if (why := build(name))}
    for name, why in missing.items():
        print(f"peer {name} skipped: {why}", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
