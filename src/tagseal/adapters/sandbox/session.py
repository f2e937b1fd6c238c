"""One job in one sandbox, from the caller's side; the same for every kind."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from tagseal.adapters.sandbox import handout, intake
from tagseal.core.checks import Check, Verdict
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import SandboxJob, SandboxOutcome
from tagseal.secret import mask

SANDBOX_UNAVAILABLE: Final = Code(
    id="sandbox-unavailable",
    exit_code=ExitCode.USAGE,
    why="Project code runs only where it can reach no network, no token and no other build.",
    fix="Start a Docker engine, run as root, or allow unprivileged user namespaces; `--sandbox process` isolates less.",
)
SANDBOX_LEAKS: Final = Code(
    id="sandbox-leaks",
    exit_code=ExitCode.FAIL,
    why="A sandbox that does not hold lets project code reach tokens, the network or the other build.",
    fix="Report it with the log; until it is mended choose another sandbox with `--sandbox`.",
)

_SETUP_FAILED: Final = 125
_GRACE_S: Final = 60
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_REFUSED: Final = {
    "loopback": "The host's loopback services cannot be reached.",
    "network": "There is no route to any other machine.",
    "dns": "No name server can be reached.",
    "engine-socket": "No container engine's socket can be reached.",
    "runner-variables": "No variable of the runner is set.",
    "host-files": "The other build, the release directory, the runner's files and the user's HOME are not there.",
    "other-processes": "No process outside can be seen.",
    "launcher": "The launcher's memory is closed.",
    "root-files": "Nothing outside the scratch space can be written.",
    "privileges": "Not root, no capability, no way to gain one.",
    "user-namespace": "No new user namespace can be made.",
}
PROBES: Final = tuple(_REFUSED)


class Transport(Protocol):
    """A started sandbox whose launcher waits for its job."""

    @property
    def stdin(self) -> BinaryIO: ...
    @property
    def stdout(self) -> BinaryIO: ...
    def kill(self) -> None:
        """End it at once, from any thread."""

    def finish(self) -> tuple[int | None, str]:
        """Close everything, wait for the end; return the launcher's exit code and the end of its stderr."""


_RUNNING: Final[set[Transport]] = set()
_INTERRUPTED: Final[set[Transport]] = set()


def interrupt_all() -> None:
    """End every sandbox that this process runs, in whatever thread: each `hold` raises KeyboardInterrupt.

    Python shows Ctrl-C to the main thread alone; the sandboxes have sessions of their own and do not see it.
    """
    for transport in tuple(_RUNNING):
        _INTERRUPTED.add(transport)
        transport.kill()


def clean_log(text: str) -> str:
    """Return `text` fit to be shown: secrets masked, terminal sequences and control characters removed."""
    return mask(_CONTROL.sub("", text.replace("\r\n", "\n")))


def probe_checks(findings: tuple[handout.Finding, ...], kind: str) -> tuple[Check, ...]:
    """Return one check per attempt of the probe; an attempt nobody reports is UNKNOWN too."""
    met = {finding.what: finding.met for finding in findings}
    return tuple(
        Check(
            code=f"sandbox-{what}",
            verdict=Verdict.PASS if met.get(what) == "" else Verdict.UNKNOWN,
            subject=kind,
            message=refused if met.get(what) == "" else f"Could not isolate: {clean_log(met.get(what, 'not tried'))}.",
            evidence="" if met.get(what) == "" else clean_log(met.get(what, "")),
        )
        for what, refused in _REFUSED.items()
    )


def hold(
    transport: Transport, job: SandboxJob, dest: Path, *, place: intake.Place, kind: str, forbidden: tuple[Path, ...]
) -> SandboxOutcome:
    """Hand `job` to the sandbox, wait for its end, and put the collected files into `dest`.

    Raises:
        KeyboardInterrupt: `interrupt_all` ended it.
        TagsealError: `sandbox-unavailable`, `sandbox-leaks`, `sandbox-input-unreadable`.
    """
    late = threading.Timer(job.limits.wall_s + _GRACE_S, transport.kill)
    late.daemon = True
    late.start()
    outcome, trouble = None, ""
    _RUNNING.add(transport)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
            request = intake.job_request(job, place, port=port, forbidden=forbidden)
            try:
                intake.send(transport.stdin, request, job, place)
                outcome = handout.receive(transport.stdout, job.limits, dest)
            except (handout.BrokenStreamError, ConnectionError, TimeoutError) as error:
                trouble = str(error)
    except BaseException:
        transport.kill()
        raise
    finally:
        late.cancel()
        code, stderr = transport.finish()
        _RUNNING.discard(transport)
    if transport in _INTERRUPTED:
        _INTERRUPTED.discard(transport)
        raise KeyboardInterrupt
    if outcome is None:
        return _without_outcome(code, stderr, trouble, kind)
    return _checked(outcome, kind, place.tolerated)


def _without_outcome(code: int | None, stderr: str, trouble: str, kind: str) -> SandboxOutcome:
    if code == _SETUP_FAILED:
        raise TagsealError(SANDBOX_UNAVAILABLE, f"The {kind} sandbox could not be made: {clean_log(stderr).strip()}")
    return SandboxOutcome(
        ended="memory" if code == 137 else "killed",  # noqa: PLR2004 - 128 + SIGKILL: the kernel's or engine's doing
        exit_code=None,
        log=clean_log(f"{stderr}\nThe sandbox ended without an outcome: {trouble}\n"),
        seconds=0.0,
        clock_is_shifted=False,
        probe=probe_checks((), kind),
    )


def _checked(outcome: handout.Outcome, kind: str, tolerated: tuple[str, ...]) -> SandboxOutcome:
    leaks = [f"{item.what}: {item.met}" for item in outcome.probe if item.met and item.what not in tolerated]
    if leaks or not outcome.ended:
        raise TagsealError(
            SANDBOX_LEAKS, f"The {kind} sandbox does not hold, nothing was run in it: {clean_log('; '.join(leaks))}."
        )
    return SandboxOutcome(
        ended=outcome.ended,
        exit_code=outcome.exit_code,
        log=clean_log(outcome.log),
        seconds=outcome.milliseconds / 1000,
        clock_is_shifted=outcome.clock_is_shifted,
        probe=probe_checks(outcome.probe, kind),
    )
