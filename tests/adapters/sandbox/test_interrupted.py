"""The caller is killed or interrupted in the middle of a job: no process and no container stays behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
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


def wait_for_no_container(image: str) -> bool:
    argv = ["docker", "ps", "-a", "-q", "--filter", f"ancestor={image}", "--filter", "label=tagseal.sandbox"]
    for _ in range(100):
        if not subprocess.run(argv, capture_output=True, text=True, check=True).stdout:
            return True
        time.sleep(0.1)
    return False


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
        assert wait_for_no_container(sandbox.image)
    assert not (tmp_path / "out").exists()
