"""A release whose project code runs in sibling containers, and one leg in each kind of sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

import support_docker
from support_release import Release, codes, release


def sandbox_of(made: Release, node: str, *options: str) -> str:
    """Run a build leg; return the sandbox it says it used."""
    ended = made.step(node, *options)
    assert ended.exit_code == 0, ended.data
    assert "sandbox-loopback" in codes(ended, "PASS")
    return str(ended.data["result"]["sandbox"])


@pytest.mark.docker
@pytest.mark.promise("R11")
def test_a_whole_release_builds_in_containers(tmp_path: Path) -> None:
    image = support_docker.image_id()
    with release(tmp_path) as made:
        made.until("build.a")
        for node in ("build.a", "build.b"):
            assert sandbox_of(made, node, "--sandbox", "docker", "--image", image) == "docker"
        made.until("", first="compare")
        assert made.audit().exit_code == 0


@pytest.mark.docker
@pytest.mark.promise("R13")
def test_container_and_namespaces_make_the_same_bytes(tmp_path: Path) -> None:
    image = support_docker.image_id()
    with release(tmp_path) as made:
        made.until("build.a")
        assert sandbox_of(made, "build.a", "--sandbox", "docker", "--image", image) == "docker"
        assert sandbox_of(made, "build.b", "--sandbox", "namespaces") == "namespaces"
        first, second = made.directory / "dist", made.directory / "steps" / "build.b" / "dist"
        names = sorted(path.name for path in first.iterdir())
        assert names == sorted(path.name for path in second.iterdir())
        assert len(names) == 2
        for name in names:
            assert (first / name).read_bytes() == (second / name).read_bytes()
