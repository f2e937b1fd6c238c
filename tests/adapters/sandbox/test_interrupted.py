"""The caller is killed or interrupted in the middle of a job: no process and no container stays behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import support_sandbox

from tagseal.ports import Sandbox

CALLER = """
import sys
from pathlib import Path
import support_sandbox
from tagseal.adapters.sandbox import choose
kind, image, marker, dest = sys.argv[1:]
text = "import os; os.execvp('sleep', ['sleep', '%s'])" % marker
choose(kind, image).run(support_sandbox.script(text, wall_s=120), Path(dest))
"""


@pytest.mark.parametrize(("number", "marker"), [(signal.SIGKILL, "4713.25"), (signal.SIGINT, "4714.25")])
def test_nothing_is_left(sandbox: Sandbox, tmp_path: Path, number: int, marker: str) -> None:
    tests = Path(support_sandbox.__file__).parent
    argv = [sys.executable, "-c", CALLER, sandbox.kind, sandbox.image, marker, str(tmp_path / "out")]
    caller = subprocess.Popen(argv, env={"PYTHONPATH": str(tests)}, stderr=subprocess.DEVNULL)
    try:
        assert support_sandbox.wait_until(2, marker, at_least=True)  # the caller's own command line is one
        caller.send_signal(number)
        assert caller.wait(timeout=60) == -number
        assert support_sandbox.wait_until(0, marker, at_least=False)
    finally:
        caller.kill()
        caller.wait()
    if sandbox.kind == "docker":
        listed = subprocess.run(["docker", "ps", "-a", "-q", "--no-trunc"], capture_output=True, text=True, check=True)
        assert listed.stdout == ""
    assert not (tmp_path / "out").exists()
