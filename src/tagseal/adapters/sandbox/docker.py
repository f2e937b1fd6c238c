"""A sibling container: no network, read-only root, one tmpfs, nothing of this machine bound into it.

Inputs and outputs go through the launcher's streams, so no host path is translated and an engine elsewhere would do.
The launcher starts as root with the few capabilities that unpacking and changing the user take; the job has none.
"""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final, cast

from tagseal.adapters.sandbox import bundle, intake, local, session
from tagseal.adapters.sandbox.engine import SOCKET_PATH, Engine, Frames
from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import SandboxJob, SandboxLimits, SandboxOutcome

SANDBOX_IMAGE_UNPINNED: Final = Code(
    id="sandbox-image-unpinned",
    exit_code=ExitCode.USAGE,
    why="A tag can name another image tomorrow; the provenance must say which one built the files.",
    fix="Name the image by digest, as in name@sha256:<64 hex digits>.",
)

_KIND: Final = "docker"
_PINNED: Final = re.compile(r"([a-z0-9][a-z0-9._:/-]*@)?sha256:[0-9a-f]{64}")
_OWN_NAME: Final = re.compile(r"[0-9a-f]{12}")
_JOB_UID: Final = 65534
_CAPABILITIES: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
_LABEL: Final = "tagseal.sandbox"
_LEFTOVER_AFTER_S: Final = 600
_PULL_TIMEOUT_S: Final = 900
_SPARE_PROCESSES: Final = 16  # the launcher, its threads
_SPARE_MEMORY_BYTES: Final = 128 * 2**20  # the launcher and the engine's own accounting
_SHM_BYTES: Final = 16 * 2**20
_GRACE_S: Final = 120
_END_TIMEOUT_S: Final = 30
_NAME_PROGRAM: Final = (
    "import platform as p; n = ' '.join((p.python_implementation(), p.python_version(), p.machine()));"
    "open('/build/out/name', 'w').write(n)"
)


def _own_image(engine: Engine) -> str:
    """Return the image id of the container this process runs in, empty when it runs in none of this engine's."""
    name = os.uname().nodename
    if not SOCKET_PATH.exists() or not _OWN_NAME.fullmatch(name):
        return ""
    me = engine.get(f"/containers/{name}/json") or {}
    return str(me.get("Image", "")) if str(me.get("Id", "")).startswith(name) else ""


def is_own_container() -> bool:
    """Tell whether this process runs in a container of an engine it can reach."""
    try:
        return bool(_own_image(Engine()))
    except TagsealError:
        return False


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
        "Labels": {_LABEL: str(int(time.time()))},
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


class _Container:
    """A started container as a transport."""

    def __init__(self, engine: Engine, body: Json, wall_s: int) -> None:
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
        return self._writer

    @property
    def stdout(self) -> BinaryIO:
        return cast("BinaryIO", self._frames)

    def _remove(self) -> None:
        with suppress(TagsealError):  # it removes itself; a later run looks for leftovers
            self._engine.call("DELETE", f"/containers/{self._id}", query={"force": "1", "v": "1"})

    def kill(self) -> None:
        self._remove()
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def finish(self) -> tuple[int | None, str]:
        with suppress(OSError):
            self._raw.settimeout(_END_TIMEOUT_S)
            self._frames.read(1)  # nothing follows the outcome; this takes in what is left of stderr
        for stream in (self._writer, self._reader, self._raw):
            with suppress(OSError):
                stream.close()
        self._remove()
        return self._waiting.exit_code(), bytes(self._frames.stderr).decode("utf-8", "replace")


class DockerSandbox:
    """Runs jobs in containers of one image."""

    kind = _KIND

    def __init__(self, image: str, *, engine: Engine | None = None) -> None:
        """`image` is pinned by digest (or is an image id); empty means the one this process runs in.

        Raises:
            TagsealError: `sandbox-image-unpinned`, `sandbox-unavailable`.
        """
        self._engine = engine or Engine()
        if image and not _PINNED.fullmatch(image):
            raise TagsealError(SANDBOX_IMAGE_UNPINNED, f"The sandbox image {image!r} is not named by digest.")
        self.image = image or _own_image(self._engine)
        if not self.image:
            raise TagsealError(
                session.SANDBOX_UNAVAILABLE, "No sandbox image is named, and this process is not in a container."
            )
        self._id = self._find()
        self._remove_leftovers()

    def _find(self) -> str:
        """Return the image's id, pulled when the engine does not have it yet."""
        found = self._engine.get(f"/images/{self.image}/json")
        if found is None and "@" in self.image:
            query = {"fromImage": self.image}
            self._engine.call("POST", "/images/create", query=query, timeout_s=_PULL_TIMEOUT_S)
            found = self._engine.get(f"/images/{self.image}/json")
        if found is None:
            raise TagsealError(session.SANDBOX_UNAVAILABLE, f"The engine has no image {self.image}.")
        return str(found["Id"])

    def _remove_leftovers(self) -> None:
        """Remove containers that an interrupted run made and never started."""
        filters = canonical.dump({"label": [_LABEL], "status": ["created", "exited", "dead"]}).decode().strip()
        listed = self._engine.call("GET", "/containers/json", query={"all": "1", "filters": filters})
        for item in listed if isinstance(listed, list) else []:
            if isinstance(item, dict) and int(str(item.get("Created", 0))) < time.time() - _LEFTOVER_AFTER_S:
                self._engine.call("DELETE", f"/containers/{item['Id']}", query={"force": "1", "v": "1"})

    def interpreter(self) -> str:
        """Return the name of the image's interpreter, asked once."""
        return self._interpreter

    @cached_property
    def _interpreter(self) -> str:
        import tempfile

        job = SandboxJob(
            command=("{python}", "-I", "-S", "-c", _NAME_PROGRAM),
            environment={},
            inputs=(),
            collect="/build/out",
            limits=SandboxLimits(wall_s=60, scratch_bytes=1 << 20, output_bytes=1 << 16),
        )
        with tempfile.TemporaryDirectory() as folder:
            outcome = self.run(job, Path(folder) / "out")
            if outcome.exit_code != 0:
                raise TagsealError(
                    session.SANDBOX_UNAVAILABLE, f"The image's Python does not start: {outcome.log.strip()}"
                )
            return (Path(folder) / "out" / "name").read_text("utf-8")[:100]

    def run(self, job: SandboxJob, dest: Path) -> SandboxOutcome:
        """Run `job` in a container of its own, removed afterwards.

        Raises:
            TagsealError: `sandbox-unavailable`, `sandbox-leaks`, `sandbox-input-unreadable`.
        """
        place = intake.Place(
            root=intake.FIXED_ROOT,
            uid=_JOB_UID,
            is_alone=True,
            is_mount=True,
            tolerated=("user-namespace",),
            limits_processes=False,  # the container's own limit; this one would count the user's other containers
        )
        command = ["python3", "-I", "-S", "-c", bundle.program("launcher.main()")]
        container = _Container(self._engine, create_body(self._id, job.limits, command), job.limits.wall_s)
        return session.hold(container, job, dest, place=place, kind=_KIND, forbidden=local.forbidden_paths(dest))
