"""`tagseal lock`: real git, uv, pip and sandbox; the backend answers from the sandbox."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import support_builds
import support_git
from support_builds import LoopbackIndex
from tagseal.adapters.requirements import IndexRequirements
from tagseal.adapters.sandbox import choose
from tagseal.cli import main
from tagseal.commands.lock_making import LockMade, make_lock, working_copy
from tagseal.core.lock import parse_lock
from tagseal.core.pyproject import ProjectFacts
from tagseal.errors import ExitCode, TagsealError

PYTHON = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackIndex]:
    with support_builds.loopback_index(tmp_path_factory.mktemp("index") / "served") as served:
        yield served


@pytest.fixture
def configured(index: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback index is the one this machine is configured for."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name, value in index.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)


def _make(index: LoopbackIndex, tmp_path: Path, backend: str, *, with_facts: bool = False) -> LockMade:
    project = support_builds.copy_project(tmp_path / "project", backend)
    requirements = support_builds.requirements(index, tmp_path / "home")
    before = _files(project)
    made = make_lock(project, requirements=requirements, sandbox=choose(kind="auto", image=""), with_facts=with_facts)
    assert _files(project) == before
    return made


def _files(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_what_the_backend_asks_for_is_locked_too(index: LoopbackIndex, tmp_path: Path) -> None:
    made = _make(index, tmp_path, "dynamic")
    assert made.dynamic == ("packaging>=20", "pyproject_hooks")
    assert {"packaging", "pyproject-hooks"} <= {package.name for package in parse_lock(made.data).packages}
    assert made.facts == ProjectFacts(name="tiny-tree", version="1.2.3")


def test_hooks_that_leave_files_leave_them_in_a_copy(index: LoopbackIndex, tmp_path: Path) -> None:
    assert _make(index, tmp_path, "polluting").dynamic == ()


def test_name_and_version_come_from_the_backend_when_they_are_not_static(index: LoopbackIndex, tmp_path: Path) -> None:
    project = support_builds.copy_project(tmp_path / "project")
    toml = project / "pyproject.toml"
    toml.write_text(toml.read_text().replace('version = "1.2.3"', 'dynamic = ["version"]'), encoding="utf-8")
    requirements = support_builds.requirements(index, tmp_path / "home")
    sandbox = choose(kind="auto", image="")
    asked = make_lock(project, requirements=requirements, sandbox=sandbox, with_facts=True)
    assert asked.facts == ProjectFacts(name="tiny-tree", version="1.2.3")
    assert make_lock(project, requirements=requirements, sandbox=sandbox).facts is None


@pytest.mark.parametrize(
    ("backend", "code", "words"),
    [("dynamic_option", "requirement-invalid", "--index-url"), ("unanswering", "backend-unanswered", "no answer")],
)
def test_a_backend_cannot_steer_the_resolver_or_leave_a_gap(
    index: LoopbackIndex, tmp_path: Path, backend: str, code: str, words: str
) -> None:
    with pytest.raises(TagsealError) as caught:
        _make(index, tmp_path, backend)
    assert caught.value.code.id == code
    assert words in caught.value.what


def test_the_working_copy_is_what_would_be_committed_now(tmp_path: Path) -> None:
    from tagseal.adapters.git import GitCli

    repo = support_git.make_repository(
        tmp_path / "repo", {"kept": "1", "changed": "1", "gone": "1", ".gitignore": "ignored\n"}
    )
    repo.write({"changed": "2", "new/file": "3", "ignored": "4"})
    (repo.path / "gone").unlink()
    working_copy(GitCli(repo.path), repo.path, tmp_path / "copy")
    copied = {path.relative_to(tmp_path / "copy").as_posix(): path.read_text() for path in _plain(tmp_path / "copy")}
    assert copied == {".gitignore": "ignored\n", "kept": "1", "changed": "2", "new/file": "3"}


def _plain(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("configured")
def test_the_command_writes_a_lock_and_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = support_builds.copy_project(tmp_path / "project")
    support_git.make_repository(project, {})
    assert main(["lock", str(project)]) == ExitCode.PASS
    shown = capsys.readouterr().out
    lock = parse_lock((project / "pylock.build.toml").read_bytes())
    assert [package.name for package in lock.packages] == ["build", "packaging", "pyproject-hooks"]
    assert shown.splitlines()[0].split() == ["requirement", "version", "wheels", "change"]
    assert shown.splitlines()[1].split() == ["build", lock.packages[0].version, "1", "new"]
    assert f"Wrote {project / 'pylock.build.toml'}" in shown
    assert main(["lock", str(project), "--no-urls", "--json"]) == ExitCode.PASS
    again = json.loads(capsys.readouterr().out)["result"]
    assert again["changes"] == []
    assert again["packages"]["build"] == lock.packages[0].version
    assert again["digest"] == lock.digest


@pytest.mark.usefixtures("configured")
def test_a_failed_lock_leaves_the_old_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = support_builds.copy_project(tmp_path / "project", "dynamic_option")
    support_git.make_repository(project, {"pylock.build.toml": "old"})
    assert main(["lock", str(project)]) == ExitCode.USAGE
    assert "requirement-invalid" in capsys.readouterr().err
    assert (project / "pylock.build.toml").read_text() == "old"


@pytest.mark.registry
def test_a_setuptools_project_without_a_table_gets_the_standards_backend(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "setup.py").write_text(
        'from setuptools import setup\nsetup(name="old", version="3.0", py_modules=[])\n', encoding="utf-8"
    )
    made = make_lock(
        tmp_path / "project",
        requirements=IndexRequirements(),
        sandbox=choose(kind="auto", image=""),
        with_facts=True,
    )
    assert {"build", "setuptools"} <= {package.name for package in parse_lock(made.data).packages}
    assert made.facts == ProjectFacts(name="old", version="3.0")
    assert b"https://" in made.data
