"""The form of `job.json` and `outcome.json`, for the type checker alone: it is not sent into the sandbox."""

from __future__ import annotations

from typing import TypedDict


class Limits(TypedDict):
    """The fields of SandboxLimits; `processes` is 0 where something else limits them."""

    wall_s: int
    memory_bytes: int
    processes: int
    scratch_bytes: int
    output_bytes: int
    log_bytes: int


class ProbeRequest(TypedDict):
    """What the probe is told."""

    port: int
    """A listener of the caller on the host's 127.0.0.1."""
    paths: list[tuple[str, int, int]]
    """Path, device and inode of what must not be seen."""


class Request(TypedDict):
    """`job.json`; see SandboxJob and intake.Place."""

    command: list[str]
    environment: dict[str, str]
    collect: str
    umask: int
    fake_time_offset_s: int
    root: str
    uid: int
    is_alone: bool
    is_mount: bool
    tolerated: list[str]
    limits: Limits
    probe: ProbeRequest


class Finding(TypedDict):
    """One attempt of the probe; `met` is empty when it was refused."""

    what: str
    met: str


class Outcome(TypedDict):
    """`outcome.json`."""

    ended: str
    exit_code: int | None
    milliseconds: int
    log: str
    clock_is_shifted: bool
    probe: list[Finding]
    files: list[str]
    """The names of the members that follow, in order: a stream that was cut off has fewer."""
