"""Starts other programs: the only place, besides the sandboxes, that does.

No shell, a whole environment of our choosing, a session of its own (so that everything it started can be killed
with it), a time limit and an output limit.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tagseal.errors import Code, ExitCode, TagsealError

TOOL_MISSING: Final = Code(
    id="tool-missing",
    exit_code=ExitCode.USAGE,
    why="This part of the work is done by that program, and nothing else here can do it.",
    fix="Install the program and make sure that it is on PATH.",
)
TOOL_TIMEOUT: Final = Code(
    id="tool-timeout",
    exit_code=ExitCode.SERVICE,
    why="A program that does not end would hold up the release for ever; it was killed with all it had started.",
    fix="Run it again; if it happens again, look at what the program waits for.",
)
TOOL_FLOOD: Final = Code(
    id="tool-output-too-large",
    exit_code=ExitCode.FAIL,
    why="Output without a limit would fill this machine's memory; the program was killed.",
    fix="Look at what makes the program say so much: a huge or hostile repository or file.",
)

_CHUNK_BYTES: Final = 1 << 16
_GRACE_S: Final = 5.0
_NETWORK_VARIABLES: Final = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a program that ended by itself left behind."""

    exit_code: int
    """Negative: the number of the signal that ended it."""
    stdout: bytes
    stderr: bytes


def clean_environment(extra: Mapping[str, str] | None = None, *, network: bool = False) -> dict[str, str]:
    """Return a whole environment: PATH without relative entries, no home, the C locale, then `extra`.

    `network` adds the variables that name certificate authorities and proxies, nothing else.
    """
    path = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(entry).is_absolute()]
    environment = {"PATH": os.pathsep.join(path), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    passed = ("TMPDIR", *_NETWORK_VARIABLES) if network else ("TMPDIR",)
    environment.update({name: os.environ[name] for name in passed if name in os.environ})
    return {**environment, **(extra or {})}


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str],
    input: bytes = b"",  # noqa: A002 - the name subprocess.run uses
    timeout_s: float,
    max_output_bytes: int,
) -> Completed:
    """Run `argv` (never through a shell) and return its exit code and output, whatever the exit code is.

    `env` is the whole environment; `max_output_bytes` holds for stdout and stderr together.

    Raises:
        TagsealError: `tool-missing`, `tool-timeout`, `tool-output-too-large`.
    """
    program = shutil.which(argv[0], path=env.get("PATH", ""))
    if program is None:
        raise TagsealError(TOOL_MISSING, f"The program {argv[0]} was not found.")
    process = subprocess.Popen(
        [program, *argv[1:]],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.PIPE if input else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            pump = _Pump(process, input, deadline=time.monotonic() + timeout_s, room=max_output_bytes)
            pump.run()
            exit_code = process.wait(timeout=max(pump.seconds_left(), 0.01))
        except (TimeoutError, subprocess.TimeoutExpired):
            _kill_group(process)
            raise TagsealError(TOOL_TIMEOUT, f"{argv[0]} did not end within {timeout_s:g} seconds.") from None
        except _FloodError:
            _kill_group(process)
            raise TagsealError(TOOL_FLOOD, f"{argv[0]} wrote more than {max_output_bytes} bytes.") from None
        except BaseException:  # Ctrl-C above all: leave nothing running
            _kill_group(process)
            raise
    return Completed(exit_code=exit_code, stdout=bytes(pump.stdout), stderr=bytes(pump.stderr))


class _FloodError(Exception):
    """More output than allowed."""


class _Pump:
    """Feeds stdin and collects stdout and stderr at once, so that neither side waits for the other."""

    def __init__(self, process: subprocess.Popen[bytes], data: bytes, *, deadline: float, room: int) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._rest = memoryview(data)
        self._deadline = deadline
        self._room = room
        self._selector = selectors.DefaultSelector()
        for stream, sink in ((process.stdout, self.stdout), (process.stderr, self.stderr)):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ, sink)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE)

    def seconds_left(self) -> float:
        """Return the time until the deadline; negative after it."""
        return self._deadline - time.monotonic()

    def run(self) -> None:
        """Move bytes until every pipe is closed. Raises: TimeoutError, _FloodError."""
        with self._selector:
            while self._selector.get_map():
                left = self.seconds_left()
                ready = self._selector.select(left) if left > 0 else []
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    stream: IO[bytes] = key.fileobj  # type: ignore[assignment]  # only pipes are registered
                    if key.events & selectors.EVENT_WRITE:
                        self._feed(stream)
                    else:
                        self._collect(stream, key.data)

    def _feed(self, stream: IO[bytes]) -> None:
        try:
            sent = os.write(stream.fileno(), self._rest[:_CHUNK_BYTES])
        except BlockingIOError:
            return
        except BrokenPipeError:  # it ended without reading everything: its exit code tells
            sent = len(self._rest)
        self._rest = self._rest[sent:]
        if not self._rest:
            self._close(stream)

    def _collect(self, stream: IO[bytes], sink: bytearray) -> None:
        data = os.read(stream.fileno(), _CHUNK_BYTES)
        if not data:
            self._close(stream)
        self._room -= len(data)
        if self._room < 0:
            raise _FloodError
        sink += data

    def _close(self, stream: IO[bytes]) -> None:
        self._selector.unregister(stream)
        with contextlib.suppress(OSError):
            stream.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and everything it started; its session id is its process id."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_GRACE_S)
