"""The image's entrypoint: what it forgets, who it becomes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import entrypoint
import pytest

ENTRYPOINT = Path(__file__).parents[1] / "entrypoint.py"


def test_planted_variables_are_removed_and_inputs_stay() -> None:
    environment = {
        "PYTHONPATH": "/github/workspace",
        "LD_PRELOAD": "/github/workspace/x.so",
        "GIT_CONFIG_COUNT": "1",
        "PIP_INDEX_URL": "http://127.0.0.1",
        "UV_INDEX": "x",
        "https_proxy": "http://127.0.0.1",
        "REQUESTS_CA_BUNDLE": "/x",
        "GITHUB_WORKSPACE": "/github/workspace",
        "INPUT_RELEASE-DIR": "release",
        "PATH": "/usr/bin",
    }
    entrypoint.scrub(environment)
    assert environment == {
        "GITHUB_WORKSPACE": "/github/workspace",
        "INPUT_RELEASE-DIR": "release",
        "PATH": "/usr/bin",
    }


@pytest.mark.parametrize(("step", "uid"), [("verify-source", 1234), ("publish", 1234), ("build", 0), ("test", 0)])
def test_only_steps_that_start_containers_stay_root(tmp_path: Path, step: str, uid: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    os.chown(workspace, 1234, 2345)
    program = """
import json, os, pathlib, runpy, sys
runpy.run_path(sys.argv[1])["choose_user"]([sys.argv[2]], pathlib.Path(sys.argv[3]))
print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups()]))
"""
    argv = [sys.executable, "-I", "-c", program, str(ENTRYPOINT), step, str(workspace)]
    done = subprocess.run(argv, capture_output=True, check=True)
    uids, gids, groups = json.loads(done.stdout)
    assert uids == [uid] * 3
    if uid:
        assert (gids, groups) == ([2345] * 3, [])


def test_it_is_short_enough_to_be_read_at_a_glance() -> None:
    assert len(ENTRYPOINT.read_text("utf-8").splitlines()) <= 30
