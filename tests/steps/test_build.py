"""The build step: real git, uv, pip and sandbox; the project's backend is one of tests/projects/backends."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import support_builds
from support_builds import Lines, Stage
from tagseal.core.checks import Verdict
from tagseal.core.facts import BuildFacts
from tagseal.errors import ExitCode, TagsealError
from tagseal.steps.build import Params, run

PYTHON = ".".join(map(str, sys.version_info[:2]))
SDIST, WHEEL = "tiny_tree-1.2.3.tar.gz", "tiny_tree-1.2.3-py3-none-any.whl"


@dataclass(frozen=True, slots=True)
class Ready:
    """The index's settings and a lock with the build tools alone."""

    settings: Mapping[str, str]
    lock: bytes


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    root = tmp_path_factory.mktemp("index")
    with support_builds.loopback_index(root / "served") as index:
        lock = support_builds.requirements(index, root / "home").lock(("build",), python_version=PYTHON)
        yield Ready(index.environment(root / "home"), lock)


def _stage(tmp_path: Path, ready: Ready, backend: str = "good", leg: str = "a") -> Stage:
    project = support_builds.copy_project(tmp_path / "project", backend)
    return support_builds.make_stage(tmp_path / leg, project, ready.lock, ready.settings, leg=leg)


def _failure(tmp_path: Path, ready: Ready, backend: str, timeout_s: int = 300) -> TagsealError:
    """Build with a bad backend; nothing of it may be staged."""
    stage = _stage(tmp_path, ready, backend)
    with pytest.raises(TagsealError) as caught:
        run(stage.context, Params(timeout_s=timeout_s))
    assert stage.written() == []
    return caught.value


def test_a_leg_builds_an_sdist_and_a_wheel(tmp_path: Path, ready: Ready) -> None:
    stage = _stage(tmp_path, ready)
    facts = run(stage.context, Params())
    assert isinstance(facts, BuildFacts)
    assert stage.written() == [f"dist/{WHEEL}", f"dist/{SDIST}", "steps/build.a/build.log"]
    assert [(item.name, item.kind) for item in facts.artifacts] == [(WHEEL, "wheel"), (SDIST, "sdist")]
    for item in facts.artifacts:
        data = (stage.staged / "dist" / item.name).read_bytes()
        assert item.sha256 == f"sha256:{support_builds.sha256(data)}"
        assert item.size_bytes == len(data)
    assert [item.name for item in facts.requirements] == ["build", "packaging", "pyproject-hooks"]
    assert facts.source_date_epoch_s == 1_700_000_000
    assert facts.lock_digest == f"sha256:{support_builds.sha256(ready.lock)}"
    assert Verdict.FAIL not in {check.verdict for check in facts.checks}
    assert [check.code for check in facts.checks][:1] == ["build-output"]
    assert len(facts.checks) > 5  # the probe's outcomes
    progress = stage.context.progress
    assert isinstance(progress, Lines)
    assert progress.said[0] == "fetching the locked build requirements"


@pytest.mark.promise("R13")
def test_the_hostile_leg_gives_the_same_bytes(tmp_path: Path, ready: Ready) -> None:
    plain, hostile = (_stage(tmp_path / leg, ready, "good", leg) for leg in ("a", "b"))
    first, second = run(plain.context, Params()), run(hostile.context, Params())
    assert hostile.written() == [
        "steps/build.b/build.log",
        f"steps/build.b/dist/{WHEEL}",
        f"steps/build.b/dist/{SDIST}",
    ]
    assert first.artifacts == second.artifacts
    for name in (SDIST, WHEEL):
        published = (plain.staged / "dist" / name).read_bytes()
        assert (hostile.staged / "steps" / "build.b" / "dist" / name).read_bytes() == published
    assert first.variations["umask"] == "022"
    assert second.variations["umask"] == "077"
    assert second.variations["clock"] in {"libfaketime +34567890s", "started 3 s later"}
    assert all(first.variations[name] != second.variations[name] for name in first.variations)


def test_every_member_has_the_commits_time(tmp_path: Path, ready: Ready) -> None:
    stage = _stage(tmp_path, ready)
    run(stage.context, Params())
    with tarfile.open(stage.staged / "dist" / SDIST) as archive:
        assert {member.mtime for member in archive.getmembers()} == {1_700_000_000}


@pytest.mark.parametrize(
    ("backend", "code", "words"),
    [
        ("fails", "build-failed", "the widget press is broken"),
        ("fails_in_wheel", "build-failed", "no press in the sdist"),
        ("wants_network", "build-wants-network", "building the sdist"),
        ("floods", "build-disk-full", "scratch"),
        ("floods_output", "build-output-limit", "more output"),
        ("nothing", "build-no-output", "nothing"),
        ("two_versions", "build-several-versions", "1.2.4"),
        ("extra_file", "build-unexpected-file", "notes.txt"),
        ("traversal", "archive-traversal", "evil"),
        ("absolute", "archive-absolute", "/evil"),
        ("link", "archive-link", "link"),
        ("device", "archive-device", "device"),
    ],
)
def test_a_bad_backend_has_one_clear_error(tmp_path: Path, ready: Ready, backend: str, code: str, words: str) -> None:
    error = _failure(tmp_path, ready, backend)
    assert (error.code.id, error.exit_code) == (code, ExitCode.FAIL)
    assert words in error.what


def test_a_build_that_hangs_is_stopped(tmp_path: Path, ready: Ready) -> None:
    assert _failure(tmp_path, ready, "hangs", timeout_s=4).code.id == "build-timeout"


def test_a_requirement_that_is_not_locked_is_never_installed(tmp_path: Path, ready: Ready) -> None:
    project = support_builds.copy_project(tmp_path / "project")
    toml = project / "pyproject.toml"
    toml.write_text(toml.read_text().replace("requires = []", 'requires = ["hatchling>=1"]'), encoding="utf-8")
    stage = support_builds.make_stage(tmp_path / "a", project, ready.lock, ready.settings)
    with pytest.raises(TagsealError) as caught:
        run(stage.context, Params())
    assert caught.value.code.id == "lock-stale"
    assert "hatchling>=1" in caught.value.what
    assert caught.value.exit_code == ExitCode.USAGE


def test_another_lock_than_the_tags_is_refused(tmp_path: Path, ready: Ready) -> None:
    project = support_builds.copy_project(tmp_path / "project")
    stage = support_builds.make_stage(tmp_path / "a", project, ready.lock, ready.settings, lock_digest="sha256:00")
    with pytest.raises(TagsealError) as caught:
        run(stage.context, Params())
    assert caught.value.code.id == "lock-digest-mismatch"
    assert stage.written() == []


def test_the_policy_files_sandbox_wins(tmp_path: Path, ready: Ready) -> None:
    project = support_builds.copy_project(tmp_path / "project")
    stage = support_builds.make_stage(tmp_path / "a", project, ready.lock, ready.settings, kind="process")
    facts = run(stage.context, Params(sandbox="namespaces"))
    assert facts.sandbox == "process"
    assert Verdict.UNKNOWN in {check.verdict for check in facts.checks}  # what a plain process cannot isolate


@pytest.mark.registry
def test_the_example_is_reproducible(tmp_path: Path) -> None:
    import os

    import tagseal.rehearsal

    example = Path(tagseal.rehearsal.__file__).parent / "example"
    lock = (example / "pylock.build.toml").read_bytes()
    legs = []
    for leg in ("a", "b"):
        stage = support_builds.make_stage(tmp_path / leg, example, lock, dict(os.environ), leg=leg, version="1.0.0")
        legs.append(run(stage.context, Params()).artifacts)
    assert legs[0] == legs[1]
    assert [item.name for item in legs[0]] == ["example_widget-1.0.0-py3-none-any.whl", "example_widget-1.0.0.tar.gz"]


@pytest.mark.parametrize("leg", ["a", "b"])
def test_a_backend_may_wait_whatever_the_clock(tmp_path: Path, ready: Ready, leg: str) -> None:
    stage = _stage(tmp_path, ready, "waits", leg)
    facts = run(stage.context, Params())
    assert [item.name for item in facts.artifacts] == [WHEEL, SDIST]


def test_a_build_that_hangs_under_another_clock_is_stopped(tmp_path: Path, ready: Ready) -> None:
    stage = _stage(tmp_path, ready, "hangs", "b")
    with pytest.raises(TagsealError) as caught:
        run(stage.context, Params(timeout_s=8))
    assert caught.value.code.id == "build-timeout"
