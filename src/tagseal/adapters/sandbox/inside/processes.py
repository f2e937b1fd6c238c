"""The processes that can be seen from here: whose they are, what they hold, and their end."""

from __future__ import annotations

import os
import signal
import time

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_KILL_ROUNDS = 400
_KILL_PAUSE_S = 0.005


def visible() -> dict[int, int]:
    """Return process id -> parent's id of all that can be seen."""
    found: dict[int, int] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return found
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    return found


def below(ancestor: int) -> list[int]:
    """Return the processes that descend from `ancestor`."""
    parents = visible()
    found: list[int] = []
    ring = [ancestor]
    while ring:
        ring = [pid for pid, parent in parents.items() if parent in ring and pid not in found]
        found += ring
    return found


def resident_bytes(pids: list[int]) -> int:
    """Return the memory that these processes hold and do not share."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                fields = file.read().split()
            total += (int(fields[1]) - int(fields[2])) * _PAGE_BYTES  # without shared pages
        except (OSError, ValueError, IndexError):
            continue
    return total


def kill_all(*, is_alone: bool, group: int) -> None:
    """Kill every process of the job and wait for them.

    `is_alone`: this is process 1 of a namespace, so everything else belongs to the job; otherwise its descendants
    (orphans come back to a subreaper) and its process group do.
    """
    for _ in range(_KILL_ROUNDS):
        targets = [-1] if is_alone else [-group, *below(os.getpid())]
        for target in targets:
            try:
                os.kill(target, signal.SIGKILL)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_KILL_PAUSE_S)
