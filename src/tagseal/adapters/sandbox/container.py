"""One container: what it is made with, and its streams as a sandbox's transport.

The launcher starts as root with the few capabilities that unpacking and changing the user take; the job has none.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import BinaryIO, Final, cast

from tagseal.adapters.sandbox import session
from tagseal.adapters.sandbox.engine import Engine, Frames
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError
from tagseal.ports import SandboxLimits

LABEL: Final = "tagseal.sandbox"
_CAPABILITIES: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
_SPARE_PROCESSES: Final = 16  # the launcher, its threads
_SPARE_MEMORY_BYTES: Final = 128 * 2**20  # the launcher and the engine's own accounting
_SHM_BYTES: Final = 16 * 2**20
_GRACE_S: Final = 120
_END_TIMEOUT_S: Final = 30


def create_body(image: str, limits: SandboxLimits, command: list[str]) -> Json:
    """Return the body of the request that creates the container; everything that is not listed is off."""
    memory = limits.memory_bytes + limits.scratch_bytes + _SPARE_MEMORY_BYTES  # tmpfs counts as memory
    return {
        "Image": image,
        "Entrypoint": command,
        "Cmd": [],
        "User": "0:0",
        "WorkingDir": "/",
        "Hostname": "build",
        "OpenStdin": True,
        "StdinOnce": True,  # when this process goes, stdin ends and the launcher stops
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {LABEL: str(int(time.time()))},
        "HostConfig": {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": list(_CAPABILITIES),
            "SecurityOpt": ["no-new-privileges"],
            "PidsLimit": limits.processes + _SPARE_PROCESSES,
            "Memory": memory,
            "MemorySwap": memory,
            "ShmSize": _SHM_BYTES,
            "Tmpfs": {"/build": f"rw,nosuid,nodev,exec,size={limits.scratch_bytes},mode=755"},
            "AutoRemove": True,
            "LogConfig": {"Type": "none"},
        },
    }


class Container:
    """A started container as a transport."""

    def __init__(self, engine: Engine, body: Json, wall_s: int) -> None:
        """Create, attach and start it; it is removed again when one of these fails.

        Raises:
            TagsealError: `sandbox-unavailable`.
        """
        self._engine = engine
        made = engine.call("POST", "/containers/create", body=body)
        if not isinstance(made, dict):
            raise TagsealError(session.SANDBOX_UNAVAILABLE, "The engine does not have the image.")
        self._id = str(made["Id"])
        try:
            self._raw = engine.attach(self._id, timeout_s=wall_s + _GRACE_S)
            self._waiting = engine.wait(self._id, timeout_s=wall_s + _GRACE_S)
            engine.call("POST", f"/containers/{self._id}/start")
        except BaseException:
            self._remove()
            raise
        self._writer = cast("BinaryIO", self._raw.makefile("wb", buffering=1 << 16))
        self._reader = cast("BinaryIO", self._raw.makefile("rb", buffering=1 << 16))
        self._frames = Frames(self._reader)

    @property
    def stdin(self) -> BinaryIO:
        """Where the job goes."""
        return self._writer

    @property
    def stdout(self) -> BinaryIO:
        """Where the outcome comes from."""
        return cast("BinaryIO", self._frames)

    def _remove(self) -> None:
        with suppress(TagsealError):  # it removes itself; a later run looks for leftovers
            self._engine.call("DELETE", f"/containers/{self._id}", query={"force": "1", "v": "1"})

    def kill(self) -> None:
        """Remove it, running or not."""
        self._remove()
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def finish(self) -> tuple[int | None, str]:
        """Take in what is left, remove it and return its exit code and the end of stderr."""
        with suppress(OSError):
            self._raw.settimeout(_END_TIMEOUT_S)
            self._frames.read(1)  # nothing follows the outcome; this takes in what is left of stderr
        for stream in (self._writer, self._reader, self._raw):
            with suppress(OSError):
                stream.close()
        self._remove()
        return self._waiting.exit_code(), bytes(self._frames.stderr).decode("utf-8", "replace")
