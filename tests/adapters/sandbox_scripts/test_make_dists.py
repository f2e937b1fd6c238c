"""The build program where nothing shifts the clock: it starts later instead."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import support_builds
from tagseal.adapters.sandbox import choose
from tagseal.adapters.sandbox_scripts import FOLDER
from tagseal.core.buildenv import leg_settings
from tagseal.ports import SandboxInput, SandboxJob

PYTHON = ".".join(map(str, sys.version_info[:2]))


def test_a_leg_whose_clock_is_not_shifted_starts_three_seconds_later(tmp_path: Path) -> None:
    project = support_builds.copy_project(tmp_path / "project")
    with support_builds.loopback_index(tmp_path / "index") as index:
        requirements = support_builds.requirements(index, tmp_path / "home")
        lock = requirements.lock(("build",), python_version=PYTHON)
        requirements.fetch(lock, tmp_path / "wheels", python_version=PYTHON)
    job = SandboxJob(
        command=("{python}", "-S", "-B", "/build/in/scripts/make_dists.py", str(int(time.time()))),
        environment=leg_settings("b", epoch_s=1_700_000_000, version="1.2.3").environment,
        inputs=(
            SandboxInput(host=project, inside="/build/src", writable_copy=True),
            SandboxInput(host=tmp_path / "wheels", inside="/build/in/wheels"),
            SandboxInput(host=FOLDER, inside="/build/in/scripts"),
        ),
        collect="/build/out",
    )
    outcome = choose(kind="auto", image="").run(job, tmp_path / "out")
    assert (outcome.ended, outcome.exit_code) == ("exit", 0)
    assert outcome.seconds > 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "tiny_tree-1.2.3-py3-none-any.whl",
        "tiny_tree-1.2.3.tar.gz",
    ]
