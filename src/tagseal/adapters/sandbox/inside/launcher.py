"""The sandbox's own first process: takes the job and its files in, hands outcome and output out.

In on stdin: a tar stream whose first member is `job.json`, then the input files. Stdin stays open while the caller
lives; its end is the sign to stop. Out on stdout: a tar stream, first `outcome.json`, then the collected files.
Stderr and exit code 125: the sandbox could not be made.
"""

from __future__ import annotations

import glob
import io
import json
import os
import stat
import sys
import tarfile
import time
from collections.abc import Callable

from tagseal.adapters.sandbox.inside import confine, probe, system, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from tagseal.adapters.sandbox.inside.request import Finding, Limits, Outcome, Request

SETUP_FAILED = 125
MAX_FILES = 1000
_FOLDERS = ("src", "out", "tmp", "home")
_FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


def _take_in(stream: BinaryIO) -> Request:
    """Unpack the inputs at their absolute places; return the job."""
    with tarfile.open(fileobj=stream, mode="r|", bufsize=65536) as archive:
        # Our own stream, with the owners we chose: the filters made for strangers' archives would drop them.
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        first = archive.next()
        content = archive.extractfile(first) if first is not None and first.name == "job.json" else None
        if content is None:
            raise OSError("the job is missing")
        request: Request = json.loads(content.read())
        for member in iter(archive.next, None):
            archive.extract(member, "/", numeric_owner=True)
    return request


def _make_folders(root: str, uid: int) -> None:
    for name in _FOLDERS:
        path = os.path.join(root, name)
        os.makedirs(path, mode=0o755, exist_ok=True)
        if os.geteuid() == 0 and uid:
            os.chown(path, uid, uid)


def _in_child(action: Callable[[], bytes], request: Request, limits: Limits) -> bytes:
    """Run `action()` as the job would run, in a forked child, and return what it returns."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(0)
            os.environ.clear()
            os.environ.update(request["environment"])
            confine.become_job(uid=request["uid"], umask=0o022, limits=limits)
            with os.fdopen(write, "wb") as file:
                file.write(action())
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - the child ends here whatever happens
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        data = file.read()
    if os.waitpid(pid, 0)[1] != 0:
        raise OSError("the job's confinement could not be set up")
    return data


def _probe(request: Request, limits: Limits) -> list[Finding]:
    data = _in_child(lambda: json.dumps(probe.run(request)).encode(), request, limits)
    found: list[Finding] = json.loads(data)
    return found


def _shifted_clock(offset_s: int) -> dict[str, str]:
    """Return the variables that shift the wall clock alone, or none where libfaketime is not installed."""
    machine = os.uname().machine
    found = [path for path in glob.glob(_FAKETIME) if machine in path]
    if not offset_s or not found:
        return {}
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME": f"{offset_s:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",  # file times stay comparable with each other
    }


def _collect(folder: str, limit_bytes: int) -> list[tuple[str, int]] | None:
    """Open the regular files directly in `folder`; None when they are more than may be handed back.

    No link is followed on the way: the folders belong to the job, though no process of it is left.
    """
    found, total = [], 0
    at = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for part in folder.strip("/").split("/"):
        try:
            at, parent = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at), at
        except OSError:
            return []
        os.close(parent)
    for name in sorted(os.listdir(at)):
        try:
            if not stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                continue
            opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        except OSError:
            continue
        total += os.fstat(opened).st_size
        found.append((name, opened))
        if total > limit_bytes or len(found) > MAX_FILES:
            return None
    return found


def _hand_out(outcome: Outcome, files: list[tuple[str, int]], stream: BinaryIO) -> None:
    text = json.dumps(outcome).encode()
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("outcome.json")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
        for name, opened in files:
            member = tarfile.TarInfo(name)
            member.size = os.fstat(opened).st_size
            with os.fdopen(opened, "rb") as file:
                archive.addfile(member, file)


def _run(request: Request, limits: Limits, outcome: Outcome) -> None:
    uid = request["uid"]
    command = [sys.executable if item == "{python}" else item for item in request["command"]]
    clock = _shifted_clock(request["fake_time_offset_s"])
    job = watch.Job(request, limits)
    job.start(command, dict(request["environment"], **clock), cwd=request["root"], uid=uid, umask=request["umask"])
    started = time.monotonic()
    outcome["ended"] = job.wait()
    outcome["milliseconds"] = int((time.monotonic() - started) * 1000)
    outcome["exit_code"] = job.exit_code
    outcome["log"] = job.log.text()
    outcome["clock_is_shifted"] = bool(clock)


def start(enter: Callable[[], None]) -> None:
    """Make the sandbox with `enter`, then serve one job in it."""
    try:
        enter()
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(SETUP_FAILED) from None
    main()


def main() -> None:
    """Serve one job."""
    try:
        with os.fdopen(0, "rb", buffering=0, closefd=False) as stdin:
            request = _take_in(stdin)
        limits = request["limits"]
        _make_folders(request["root"], request["uid"])
        if sys.platform == "linux":
            system.prctl(system.PR_SET_DUMPABLE, 0)
            system.prctl(system.PR_SET_CHILD_SUBREAPER, 1)
        found = _probe(request, limits)
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise SystemExit(SETUP_FAILED) from None
    outcome: Outcome = {
        "ended": "",
        "exit_code": None,
        "milliseconds": 0,
        "log": "",
        "clock_is_shifted": False,
        "probe": found,
        "files": [],
    }
    files: list[tuple[str, int]] = []
    forbidden = [item for item in found if item["met"] and item["what"] not in request["tolerated"]]
    if not forbidden:
        _run(request, limits, outcome)
        confine.drop_privileges(request["uid"])
        if outcome["ended"] == "exit":
            collected = _collect(request["collect"], limits["output_bytes"])
            outcome["ended"] = "exit" if collected is not None else "output-limit"
            files = collected or []
            outcome["files"] = [name for name, _ in files]
    with os.fdopen(1, "wb", buffering=0, closefd=False) as stdout:
        _hand_out(outcome, files, stdout)
