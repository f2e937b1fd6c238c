"""A sandbox that is a child process here: its transport, its user, and what of this machine it must not see."""

from __future__ import annotations

import itertools
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, Final, cast

_STDERR_BYTES: Final = 16 * 1024
_FIRST_UID: Final = 1_879_048_192  # above what accounts, containers and subordinate ids use
_UIDS_PER_PROCESS: Final = 16
_COUNTER: Final = itertools.count()
_FILE_COMMANDS: Final = (
    "GITHUB_OUTPUT",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_WORKSPACE",
    "RUNNER_TEMP",
)


def interpreter_path() -> Path:
    """Return the real path of the interpreter a virtual environment stands on."""
    return Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()


def interpreter_name() -> str:
    """Return for example `CPython 3.13.5 x86_64`."""
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}"


def fresh_uid() -> int:
    """Return a user id that no account and no other sandbox of this machine has, so that limits count it alone."""
    return _FIRST_UID + os.getpid() * _UIDS_PER_PROCESS + next(_COUNTER) % _UIDS_PER_PROCESS


def forbidden_paths(dest: Path) -> tuple[Path, ...]:
    """Return what the probe must not find: output folder, its parent, HOME, the checkout, file commands."""
    named = [Path(os.environ[name]) for name in _FILE_COMMANDS if os.environ.get(name)]
    return (dest.absolute(), dest.absolute().parent, Path.home(), Path.cwd(), *named)


class ChildTransport:
    """The launcher as a child process with pipes."""

    def __init__(self, argv: list[str], *, cwd: str = "/") -> None:
        """Start `argv` with an empty environment, in its own session: Ctrl-C reaches the caller alone."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by finish
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={"LC_ALL": "C.UTF-8"},
            cwd=cwd,
            start_new_session=True,
        )

    @property
    def stdin(self) -> BinaryIO:
        """Where the job goes."""
        if self._child.stdin is None:
            raise TypeError("started with a pipe")
        return cast("BinaryIO", self._child.stdin)

    @property
    def stdout(self) -> BinaryIO:
        """Where the outcome comes from."""
        if self._child.stdout is None:
            raise TypeError("started with a pipe")
        return cast("BinaryIO", self._child.stdout)

    def kill(self) -> None:
        """Kill it; what it started goes with it."""
        self._child.kill()

    def finish(self) -> tuple[int | None, str]:
        """Close the pipes and wait."""
        for pipe in (self.stdin, self.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        try:
            code = self._child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._child.kill()
            code = self._child.wait()
        with self._stderr as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _STDERR_BYTES))
            text = file.read().decode("utf-8", "replace")
        return (128 - code if code < 0 else code), text
