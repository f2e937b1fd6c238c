"""Starts the job and watches it until it has ended, one way or another; then leaves no process behind."""

from __future__ import annotations

import os
import select
import signal
import time

from tagseal.adapters.sandbox.inside import confine, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagseal.adapters.sandbox.inside.request import Limits, Request

_LOOK_EVERY_S = 0.05
_FULL_BELOW_BYTES = 64 * 1024


class Tail:
    """The last bytes of a log of any length."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        """Append `data`, forgetting the beginning."""
        self._kept += data
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def text(self) -> str:
        """Return what is kept, undecodable bytes replaced."""
        return bytes(self._kept[-self._limit :]).decode("utf-8", "replace")


class Scratch:
    """How full the scratch space is."""

    def __init__(self, root: str, limit_bytes: int, *, is_mount: bool) -> None:
        self._root, self._limit, self.is_mount = root, limit_bytes, is_mount

    def is_full(self) -> bool:
        """Tell whether the next write fails (a mount of its own), or should (a folder among others)."""
        if self.is_mount:
            state = os.statvfs(self._root)
            return state.f_bavail * state.f_frsize < _FULL_BELOW_BYTES or state.f_favail == 0
        used = 0
        for folder, _, names in os.walk(self._root):
            for name in names:
                try:
                    used += os.lstat(os.path.join(folder, name)).st_blocks * 512
                except OSError:
                    continue
        return used > self._limit


class Job:
    """One running job."""

    def __init__(self, request: Request, limits: Limits) -> None:
        self.limits = limits
        self.is_alone = request["is_alone"]
        self.log = Tail(limits["log_bytes"])
        self._scratch = Scratch(request["root"], limits["scratch_bytes"], is_mount=request["is_mount"])
        self._status: int | None = None
        self._was_full = False
        self._is_read = False
        self._child_wakeup, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._child_wakeup, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def start(self, command: list[str], environment: dict[str, str], *, cwd: str, uid: int, umask: int) -> None:
        """Start `command`; its output goes to the log."""
        self._output, write = os.pipe()
        self._started = time.monotonic()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                null = os.open(os.devnull, os.O_RDONLY)
                for source, target in ((null, 0), (write, 1), (write, 2)):
                    os.dup2(source, target)
                os.closerange(3, 256)
                confine.become_job(uid=uid, umask=umask, limits=self.limits)
                os.chdir(cwd)
                os.execvpe(command[0], command, environment)  # noqa: S606 - no shell is the point
            except BaseException as error:  # noqa: BLE001 - the child ends here whatever happens
                os.write(2, f"The command {command[0]!r} could not be started: {error}\n".encode())
            os._exit(127)
        os.close(write)

    def _reap(self) -> None:
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._pid:
                    self._status = status
        except ChildProcessError:
            return

    def _read(self, *, wait_s: float) -> None:
        watched = [self._child_wakeup, 0] if self._is_read else [self._output, self._child_wakeup, 0]
        readable = select.select(watched, [], [], wait_s)[0]
        if self._child_wakeup in readable:
            os.read(self._child_wakeup, 4096)
        if 0 in readable and not os.read(0, 65536):
            raise SystemExit(1)  # whoever asked is gone; process 1 takes all others with it
        if self._output in readable:
            data = os.read(self._output, 65536)
            self.log.add(data)
            self._is_read = not data

    def _trouble(self) -> str:
        if time.monotonic() - self._started > self.limits["wall_s"]:
            return "timeout"
        pids = [pid for pid in processes.visible() if pid != 1] if self.is_alone else processes.below(os.getpid())
        if processes.resident_bytes(pids) > self.limits["memory_bytes"]:
            return "memory"
        if self._scratch.is_full():
            if not self._scratch.is_mount:
                return "disk-full"  # nothing else would stop it
            self._was_full = True
        return ""

    def wait(self) -> str:
        """Watch the job to its end, kill what is left of it and return how it ended."""
        ended, look_at = "", time.monotonic() + _LOOK_EVERY_S
        try:
            while self._status is None and not ended:
                self._read(wait_s=_LOOK_EVERY_S)
                if time.monotonic() >= look_at:
                    ended = self._trouble()
                    look_at = time.monotonic() + _LOOK_EVERY_S
                self._reap()
        finally:
            processes.kill_all(is_alone=self.is_alone, group=self._pid)
        self._drain()
        return ended or self._verdict()

    def _drain(self) -> None:
        """Take in what a process wrote just before it was killed."""
        while not self._is_read and select.select([self._output], [], [], 0)[0]:
            data = os.read(self._output, 65536)
            self.log.add(data)
            self._is_read = not data

    def _verdict(self) -> str:
        if self.exit_code == 0:
            return "exit"
        if self._was_full or self._scratch.is_full():
            return "disk-full"
        return "exit" if self.exit_code is not None else "killed"

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None when a signal ended it or it never ended by itself."""
        if self._status is None or os.WIFSIGNALED(self._status):
            return None
        return os.WEXITSTATUS(self._status)
