"""Builds the namespaces sandbox: new namespaces, a new root on tmpfs with an allow-list, the old root let go.

Runs on the host's interpreter, as root or (where the kernel lets it) as a plain user in a user namespace; what it
leaves behind is a process that sees only what the sandbox shows, as its process 1, and the caller goes on there.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct

from tagseal.adapters.sandbox.inside import system

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_RECURSIVE = 0x8000
_SYS_MOUNT_SETATTR = 442  # the same number on every machine; Linux 5.12
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_OLD = "/.old"
_SHOWN = ("/usr", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/ssl/certs")
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_INODES = 1_000_000


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    done = system.libc().mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode() or None
    )
    system.check(done, f"mount {target}")


def _show(path: str) -> None:
    """Bind `path` of the old root read-only to the same place in the new one; a missing one is left out."""
    source = _OLD + path
    if not os.path.exists(source):
        return
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb"):
            pass
    _mount(source, path, "", _MS_BIND | _MS_REC)
    _lock(path)


def _lock(path: str) -> None:
    attributes = (ctypes.c_uint64 * 4)(_MS_RDONLY | _MS_NOSUID | _MS_NODEV, 0, 0, 0)
    done = system.libc().syscall(
        _SYS_MOUNT_SETATTR, -100, path.encode(), _AT_RECURSIVE, attributes, ctypes.sizeof(attributes)
    )
    if done == -1:  # before Linux 5.12: the top mount only
        _mount("", path, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)


def _pivot() -> None:
    _mount("", "/", "", _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    os.mkdir("/tmp" + _OLD)
    os.chdir("/tmp")
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    system.check(system.libc().syscall(number, b".", _OLD[1:].encode()), "pivot_root")
    os.chdir("/")


def _make_root(shown: list[str], scratch_bytes: int, uid: int) -> None:
    for name in _MERGED:
        if os.path.islink(f"{_OLD}/{name}"):
            os.symlink(os.readlink(f"{_OLD}/{name}"), f"/{name}")
        else:
            _show(f"/{name}")
    for path in (*_SHOWN, *shown):
        if not os.path.exists(path):
            _show(path)
    for name in ("/proc", "/dev/shm", "/build", "/etc", "/var"):
        os.makedirs(name, exist_ok=True)
    for name in _DEVICES:
        with open(f"/dev/{name}", "xb"):
            pass
        _mount(f"{_OLD}/dev/{name}", f"/dev/{name}", "", _MS_BIND)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"/dev/{name}")
    _write("/etc/passwd", f"root:x:0:0::/:/sbin/nologin\nbuild:x:{uid}:{uid}::/build/home:/sbin/nologin\n")
    _write("/etc/group", f"root:x:0:\nbuild:x:{uid}:\n")
    _write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    limits = f"size={scratch_bytes},nr_inodes={_INODES},mode=755"
    _mount("tmpfs", "/build", "tmpfs", _MS_NOSUID | _MS_NODEV, limits)
    for name, mode in (("/build/tmp", 0o1777), ("/build/shm", 0o1777)):
        os.mkdir(name)
        os.chmod(name, mode)
    _mount("/build/shm", "/dev/shm", "", _MS_BIND)
    for name in ("/tmp", "/var/tmp"):
        os.symlink("/build/tmp", name)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        request = bytearray(struct.pack("16sh14x", b"lo", 0) + bytes(16))
        fcntl.ioctl(link, _SIOCGIFFLAGS, request)
        (flags,) = struct.unpack_from("h", request, 16)
        fcntl.ioctl(link, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP) + bytes(16))


def _unshare(uid: int) -> None:
    flags = (
        system.CLONE_NEWNS | system.CLONE_NEWPID | system.CLONE_NEWNET | system.CLONE_NEWIPC
        | system.CLONE_NEWUTS | system.CLONE_NEWCGROUP
    )  # fmt: skip
    outer_uid, outer_gid = os.getuid(), os.getgid()
    if outer_uid == 0:
        system.unshare(flags)
        return
    system.unshare(flags | system.CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {outer_uid} 1")
    _write("/proc/self/gid_map", f"{uid} {outer_gid} 1")


def enter(*, shown: list[str], scratch_bytes: int, uid: int) -> None:
    """Return in a new process that is alone in its namespaces; the old one waits and passes its exit code on.

    `shown` are host paths seen read-only besides the system's own (the interpreter); `uid` is the job's.
    """
    system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
    _unshare(uid)
    child = os.fork()
    if child:
        os.close(0)
        os.close(1)
        status = os.waitpid(child, 0)[1]
        os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
    system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.umask(0o022)
    _pivot()
    _make_root(shown, scratch_bytes, uid)
    system.check(system.libc().umount2(_OLD.encode(), _MNT_DETACH), "umount the old root")
    os.rmdir(_OLD)
    _mount("", "/", "", _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    name = b"build"
    system.check(system.libc().sethostname(name, len(name)), "sethostname")
    _loopback_up()
