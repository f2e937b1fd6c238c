"""Tries what the job must not be able to do, as the job: same sandbox, same user, same environment.

Nothing here sends a packet to another machine: where a route out exists, that is the finding. `attempt` names are
the `<what>` of the checks `sandbox-<what>`.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys

from tagseal.adapters.sandbox.inside import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagseal.adapters.sandbox.inside.request import Finding, Request

_TIMEOUT_S = 0.05
_ENGINE_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock")
_RUNNER_PREFIXES = ("ACTIONS_", "GITHUB_", "RUNNER_", "INPUT_")
_OUTSIDE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # documentation addresses
_QUERY = b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07tagseal\x07invalid\x00\x00\x01\x00\x01"


def _routes() -> str:
    """Return an address that has a route; connecting a datagram socket asks the routing table and sends nothing."""
    for family, address in _OUTSIDE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                udp.connect((address, 9))
                return address
        except OSError:
            continue
    return ""


def loopback(request: Request) -> str:
    """Return what was met on the host's 127.0.0.1, where a listener of the caller waits."""
    try:
        with socket.create_connection(("127.0.0.1", request["probe"]["port"]), _TIMEOUT_S):
            return f"port {request['probe']['port']} of the host's 127.0.0.1 answers"
    except OSError:
        return ""


def network(_request: Request) -> str:
    """Return the way out that was met: a route, or a socket to the hypervisor."""
    address = _routes()
    if address:
        return f"there is a route to {address}"
    try:
        with socket.socket(getattr(socket, "AF_VSOCK", 40), socket.SOCK_STREAM):
            return "a socket to the hypervisor can be made"
    except OSError:
        return ""


def dns(_request: Request) -> str:
    """Return the name server that was met; one beyond loopback counts when there is a route."""
    servers = ["127.0.0.1"]
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
            servers = [line.split()[1] for line in file if line.startswith("nameserver ")] or servers
    except OSError:
        pass
    for server in servers:
        if not server.startswith("127."):
            if _routes():
                return f"name server {server} can be reached"
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(_TIMEOUT_S)
            try:
                udp.connect((server, 53))
                udp.send(_QUERY)
                udp.recv(512)
            except socket.timeout:
                return f"something listens on {server} port 53"
            except OSError:
                continue
            return f"name server {server} answers"
    return ""


def engine_socket(_request: Request) -> str:
    """Return the container engine's socket that was met."""
    for path in _ENGINE_SOCKETS:
        try:
            with socket.socket(socket.AF_UNIX) as engine:
                engine.settimeout(_TIMEOUT_S)
                engine.connect(path)
                return path
        except OSError:
            continue
    return ""


def runner_variables(_request: Request) -> str:
    """Return the names of the runner's variables that were met."""
    return ", ".join(sorted(name for name in os.environ if name.startswith(_RUNNER_PREFIXES)))


def host_files(request: Request) -> str:
    """Return the host's paths that are seen here: the same device and inode, not merely the same name."""
    met = []
    for path, device, inode in request["probe"]["paths"]:
        try:
            found = os.stat(path)
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (device, inode):
            met.append(path)
    return ", ".join(met)


def other_processes(_request: Request) -> str:
    """Return how many processes besides the sandbox's own can be seen."""
    own = {1, os.getpid(), os.getppid()}
    try:
        others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in own]
    except OSError:
        return ""
    return f"{len(others)} processes of others can be seen" if others else ""


def launcher(_request: Request) -> str:
    """Return whether the memory of the process that reports all this can be opened for writing."""
    try:
        with open(f"/proc/{os.getppid()}/mem", "r+b", buffering=0):
            return "the launcher's memory can be written"
    except OSError:
        return ""


def root_files(request: Request) -> str:
    """Return the folder outside the scratch space in which a file could be made."""
    scratch = request["root"]
    for folder in ("/", "/usr", "/etc", "/var", "/run", "/dev", "/opt", "/home", "/proc", sys.prefix):
        path = os.path.join(folder, ".tagseal-probe")
        if path.startswith(scratch + "/"):
            continue
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError:
            continue
        os.unlink(path)
        return folder
    return ""


def privileges(_request: Request) -> str:
    """Return what was met of root's powers: being root, becoming root, a capability, gaining one by exec."""
    if os.geteuid() == 0:
        return "the job runs as root"
    try:
        os.setuid(0)
    except OSError:
        pass
    else:
        return "setuid(0) worked"
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            status = dict(line.split(":", 1) for line in file)
    except OSError:
        return "the process's state cannot be read"
    if int(status.get("CapEff", "1"), 16) or int(status.get("CapPrm", "1"), 16):
        return "the job holds capabilities"
    return "" if status.get("NoNewPrivs", "").strip() == "1" else "programs may gain privileges"


def user_namespace(_request: Request) -> str:
    """Return whether a new user namespace could be made: it would open more of the kernel to the job."""
    if sys.platform != "linux":
        return ""
    return "a new user namespace can be made" if system.libc().unshare(ctypes.c_int(system.CLONE_NEWUSER)) == 0 else ""


# The last one changes the process it runs in.
ATTEMPTS = (
    loopback, network, dns, engine_socket, runner_variables, host_files, other_processes, launcher, root_files,
    privileges, user_namespace,
)  # fmt: skip


def run(request: Request) -> list[Finding]:
    """Return one finding per attempt, `met` empty when it was refused."""
    return [{"what": attempt.__name__.replace("_", "-"), "met": attempt(request)} for attempt in ATTEMPTS]
