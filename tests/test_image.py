"""The trusted image, built by tests/tools/docker_engine.py from the Dockerfile as it is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import support_docker

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def image() -> str:
    """Return the image's name, or skip."""
    support_docker.image_id()
    return support_docker.IMAGE


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


@pytest.mark.docker
def test_a_step_in_the_image_builds_in_a_sibling_container_of_the_same_image(image: str) -> None:
    program = """
from pathlib import Path
from tagseal.adapters.sandbox import choose
from tagseal.ports import SandboxJob
sandbox = choose("auto", "")
text = "import os; print(os.getuid(), os.path.exists('/var/run/docker.sock')); open('/build/out/a', 'w').close()"
job = SandboxJob(command=("{python}", "-I", "-c", text), environment={}, inputs=(), collect="/build/out")
outcome = sandbox.run(job, Path("/tmp/out"))
print(sandbox.kind, sandbox.image, outcome.ended, outcome.exit_code, outcome.log.strip())
print({str(check.verdict) for check in outcome.probe}, [path.name for path in Path("/tmp/out").iterdir()])
"""
    options = ("-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", f"{ROOT / 'src'}:/opt/tagseal/src:ro")
    done = run(image, "-I", "-c", program, options=(*options, "--entrypoint", "/opt/tagseal/venv/bin/python"))
    argv = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    image_id = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    assert done.stdout == f"docker {image_id} exit 0 65534 False\n{{'PASS'}} ['a']\n", done.stderr
