"""The few system calls that the standard library does not offer, for Linux, through the C library."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

_CAPABILITY_VERSION_3 = 0x20080522


def libc() -> ctypes.CDLL:
    """Return the C library this interpreter runs on."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Turn a C result of -1 into an OSError that names the call."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))  # noqa: UP031 - OSError wants both


def prctl(option: int, value: int) -> None:
    """Set one property of this process (prctl(2))."""
    check(libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def unshare(flags: int) -> None:
    """Move this process into new namespaces (unshare(2))."""
    check(libc().unshare(flags), "unshare")


def drop_capabilities() -> None:
    """Empty this thread's permitted, effective and inheritable capability sets (capset(2))."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    check(libc().capset(header, (ctypes.c_uint32 * 6)()), "capset")
