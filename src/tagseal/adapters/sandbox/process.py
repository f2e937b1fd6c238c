"""A plain process in a temporary folder: limits and nothing else. What it cannot isolate stands in the probe."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tagseal.adapters.sandbox import bundle, intake, local, session
from tagseal.ports import SandboxJob, SandboxOutcome

_KIND: Final = "process"


class ProcessSandbox:
    """Runs jobs as this user; for machines that offer nothing better, never for a claim of isolation."""

    kind = _KIND
    image = ""

    def interpreter(self) -> str:
        """Return the running interpreter's name."""
        return local.interpreter_name()

    def run(self, job: SandboxJob, dest: Path) -> SandboxOutcome:
        """Run `job` in a folder that stands for `/build`: mentions of that path are moved there.

        One job at a time on this machine and account, so that both builds see the same path.

        Raises:
            TagsealError: `sandbox-unavailable`, `sandbox-input-unreadable`.
        """
        with _fixed_folder() as folder:
            place = intake.Place(
                root=str(folder),
                uid=os.getuid(),
                is_alone=False,
                is_mount=False,
                tolerated=session.PROBES,
                limits_processes=False,  # the limit would count the user's other processes too
            )
            argv = [str(local.interpreter_path()), "-I", "-S", "-c", bundle.program("launcher.main()")]
            transport = local.ChildTransport(argv, cwd=str(folder))
            return session.hold(transport, job, dest, place=place, kind=_KIND, forbidden=local.forbidden_paths(dest))


@contextmanager
def _fixed_folder() -> Iterator[Path]:
    """Yield an empty folder that is ours alone, at the same path every time."""
    base = Path(tempfile.gettempdir()).resolve()
    folder = base / f"tagseal-build-{os.getuid()}"
    lock = os.open(f"{folder}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.getuid()):
            folder = Path(tempfile.mkdtemp(prefix=f"tagseal-build-{os.getuid()}-", dir=base))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
