"""What every process of the job is put under before its first instruction: limits, identity, no way back."""

from __future__ import annotations

import os
import resource
import signal
import sys

from tagseal.adapters.sandbox.inside import seccomp, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagseal.adapters.sandbox.inside.request import Limits

# Address space is not limited: many tools reserve far more than they touch. RLIMIT_DATA counts private writable
# memory; the launcher's own watch over resident memory acts first, this only stops a burst between two looks.
_DATA_FACTOR = 2
_OPEN_FILES = 4096


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def set_limits(limits: Limits) -> None:
    """Set the resource limits of this process and its children; `limits` holds the fields of SandboxLimits."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, limits["scratch_bytes"])
    _limit(resource.RLIMIT_CPU, limits["wall_s"] * (os.cpu_count() or 1) + 1)
    _limit(resource.RLIMIT_DATA, limits["memory_bytes"] * _DATA_FACTOR)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if limits["processes"] > 0:
        _limit(resource.RLIMIT_NPROC, limits["processes"])


def drop_privileges(uid: int) -> None:
    """Become `uid` (group of the same number, no further groups) when root, and give up every way back."""
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if sys.platform == "linux":
        system.drop_capabilities()
        system.prctl(system.PR_SET_NO_NEW_PRIVS, 1)
        seccomp.refuse_namespaces()


def become_job(*, uid: int, umask: int, limits: Limits) -> None:
    """Do everything that separates the job from the launcher, in a freshly forked child."""
    os.setsid()
    set_limits(limits)
    drop_privileges(uid)
    os.umask(umask)
    for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
