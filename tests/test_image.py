"""The trusted image, built by tests/tools/docker_engine.py from the Dockerfile as it is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMAGE = "tagseal-test:local"


@pytest.fixture(scope="module")
def image() -> str:
    """Return the image's name, or skip."""
    try:
        subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"no Docker engine with {IMAGE}: run tests/tools/docker_engine.py up")
    return IMAGE


def run(image: str, *argv: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a container without network."""
    command = ["docker", "run", "--rm", "--network=none", *options, image, *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_base_is_pinned_by_digest_and_the_entrypoint_has_no_shell() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^FROM (.*)$", text, re.MULTILINE) == ["${BASE_IMAGE}"]
    assert re.search(r"^ARG BASE_IMAGE=[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["/opt/tagseal/venv/bin/python", "-I", ', text, re.MULTILINE)
    assert "--require-hashes" in text


@pytest.mark.docker
def test_it_runs_the_command_line_as_the_owner_of_the_workspace(image: str) -> None:
    done = run(image, "--version", options=("-e", "PYTHONPATH=/nowhere", "-e", "PYTHONHOME=/nowhere"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.1.0" in done.stdout


@pytest.mark.docker
def test_its_tools_are_there_and_scanners_are_not(image: str) -> None:
    program = (
        "import shutil, importlib.util as u;"
        "print([shutil.which(n) is not None for n in ('git', 'ssh-keygen', 'gpgv')],"
        "[u.find_spec(n) is not None for n in ('build', 'sigstore', 'twine', 'tagseal', 'bandit', 'pytest')])"
    )
    done = run(image, "-I", "-c", program, options=("--entrypoint", "/opt/tagseal/venv/bin/python"))
    assert done.stdout == "[True, True, True] [True, True, True, True, False, False]\n"


@pytest.mark.docker
def test_project_code_sees_none_of_our_packages(image: str) -> None:
    program = "import importlib.util as u; print([u.find_spec(n) for n in ('tagseal', 'sigstore', 'twine')])"
    done = run(image, "-I", "-c", program, options=("--entrypoint", "python3"))
    assert done.stdout == "[None, None, None]\n"
