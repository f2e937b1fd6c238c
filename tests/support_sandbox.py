"""Jobs and observations for the sandbox tests."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from tagseal.ports import SandboxInput, SandboxJob, SandboxLimits

SMALL = SandboxLimits(
    wall_s=30,
    memory_bytes=512 * 2**20,
    processes=64,
    scratch_bytes=32 * 2**20,
    output_bytes=4 * 2**20,
    log_bytes=4096,
)


def script(text: str, *inputs: SandboxInput, collect: str = "/build/out", **limits: int) -> SandboxJob:
    """Return a job that runs `text` in the sandbox's Python, under small limits."""
    return SandboxJob(
        command=("{python}", "-I", "-S", "-c", text),
        environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        inputs=inputs,
        collect=collect,
        limits=dataclasses.replace(SMALL, **limits),
    )


def processes_with(marker: str) -> list[int]:
    """Return the processes of this machine whose command line holds `marker`, those in namespaces included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_until(count: int, marker: str, *, at_least: bool, timeout_s: float = 20) -> bool:
    """Wait until so many processes with `marker` (or at least so many) are there."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        now = len(processes_with(marker))
        if now == count or (at_least and now > count):
            return True
        time.sleep(0.05)
    return False
