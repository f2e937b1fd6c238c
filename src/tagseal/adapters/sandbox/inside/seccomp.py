"""A small system call filter: the job makes no namespaces of its own, mounts nothing, reaches no hypervisor.

A job in a new user namespace would hold every capability there, and with them far more of the kernel's code to
attack. Sockets of the family AF_VSOCK lead out of a virtual machine past every network namespace, and io_uring
makes sockets without the call that is filtered here. These calls fail with EPERM; clone3 hides its flags behind a
pointer, so it is answered with ENOSYS and the C library falls back to clone, whose flags can be read.
"""

from __future__ import annotations

import ctypes
import errno
import os

from tagseal.adapters.sandbox.inside import system

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag, time namespaces included
_AF_VSOCK = 40
_X32_BIT = 0x40000000

# Offsets in struct seccomp_data; both machines are little endian.
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16

_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_ABOVE, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06

_MACHINES = {
    # audit number, clone, clone3, socket, refused: io_uring_setup, unshare, setns, mount, umount2, pivot_root,
    # fsopen, open_tree, move_mount, mount_setattr, bpf, perf_event_open, userfaultfd, add_key, request_key, keyctl,
    # kexec_load
    "x86_64": (
        0xC000003E,
        56,
        435,
        41,
        (425, 272, 308, 165, 166, 155, 430, 428, 429, 442, 321, 298, 323, 248, 249, 250, 246),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        435,
        198,
        (425, 97, 268, 40, 39, 41, 430, 428, 429, 442, 280, 241, 282, 217, 218, 219, 104),
    ),
}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def refuse_namespaces() -> bool:
    """Install the filter for this process and its children; needs no-new-privs. False on an unknown machine."""
    machine = _MACHINES.get(os.uname().machine)
    if machine is None or ctypes.sizeof(ctypes.c_void_p) != 8:  # noqa: PLR2004 - 64-bit
        return False
    audit, clone, clone3, socket, refused = machine
    refuse = _ERRNO | errno.EPERM
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL_PROCESS),  # another instruction set has other numbers
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_ABOVE, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, refuse),
    ]
    for number in refused:
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    code += [
        (_JUMP_EQUAL, 0, 1, clone3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        (_JUMP_EQUAL, 0, 4, socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_EQUAL, 0, 1, _AF_VSOCK),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
        (_JUMP_EQUAL, 1, 0, clone),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_SET, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
    ]
    instructions = (_Instruction * len(code))(*(_Instruction(*line) for line in code))
    program = _Program(len(code), instructions)
    result = system.libc().prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0)
    system.check(result, "prctl seccomp")
    return True
