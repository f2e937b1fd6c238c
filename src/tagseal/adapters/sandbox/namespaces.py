"""Linux namespaces: no network, no host file but the system's own, no process but its own."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Final

from tagseal.adapters.sandbox import bundle, intake, local, session
from tagseal.errors import TagsealError
from tagseal.ports import SandboxJob, SandboxLimits, SandboxOutcome

_KIND: Final = "namespaces"
_SELF_TEST_BYTES: Final = 1 << 20


class NamespacesSandbox:
    """Runs jobs in namespaces, as root or where the kernel lets a plain user make them."""

    kind = _KIND
    image = ""

    def interpreter(self) -> str:
        """Return the running interpreter's name: it is the one shown inside."""
        return local.interpreter_name()

    def run(self, job: SandboxJob, dest: Path) -> SandboxOutcome:
        """Run `job` in namespaces of its own.

        Raises:
            TagsealError: `sandbox-unavailable`, `sandbox-leaks`, `sandbox-input-unreadable`.
        """
        place = intake.Place(
            root=intake.FIXED_ROOT,
            uid=local.fresh_uid(),
            is_alone=True,
            is_mount=True,
            tolerated=("user-namespace",),
            limits_processes=True,
        )
        transport = local.ChildTransport(_command(job.limits.scratch_bytes, place.uid))
        return session.hold(transport, job, dest, place=place, kind=_KIND, forbidden=local.forbidden_paths(dest))


def _command(scratch_bytes: int, uid: int) -> list[str]:
    python = local.interpreter_path()
    shown = [str(Path(sys.base_prefix).resolve())]
    last = f"launcher.start(lambda: enter.enter(shown={shown!r}, scratch_bytes={scratch_bytes}, uid={uid}))"
    return [str(python), "-I", "-S", "-c", bundle.program(last)]


@cache
def is_available() -> bool:
    """Tell whether the sandbox can be made here: a trivial job is run in it once per process."""
    if sys.platform != "linux":
        return False
    import tempfile

    job = SandboxJob(
        command=("{python}", "-I", "-S", "-c", "pass"),
        environment={},
        inputs=(),
        collect="/build/out",
        limits=SandboxLimits(wall_s=20, scratch_bytes=_SELF_TEST_BYTES),
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = NamespacesSandbox().run(job, Path(folder) / "out")
        except TagsealError:
            return False
    return outcome.ended == "exit" and outcome.exit_code == 0
