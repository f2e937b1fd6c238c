"""A sibling container: no network, read-only root, one tmpfs, nothing of this machine bound into it.

Inputs and outputs go through the launcher's streams, so no host path is translated and an engine elsewhere would do.
"""

from __future__ import annotations

import os
import re
import time
from functools import cached_property
from pathlib import Path
from typing import Final

from tagseal.adapters.sandbox import bundle, intake, local, session
from tagseal.adapters.sandbox.container import LABEL, Container, create_body
from tagseal.adapters.sandbox.engine import SOCKET_PATH, Engine
from tagseal.core import canonical
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
_LEFTOVER_AFTER_S: Final = 600
_PULL_TIMEOUT_S: Final = 900
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
        filters = canonical.dump({"label": [LABEL], "status": ["created", "exited", "dead"]}).decode().strip()
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
        container = Container(self._engine, create_body(self._id, job.limits, command), job.limits.wall_s)
        return session.hold(container, job, dest, place=place, kind=_KIND, forbidden=local.forbidden_paths(dest))
