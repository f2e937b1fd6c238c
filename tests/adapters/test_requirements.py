"""Resolving and fetching, with the real uv and pip against a loopback index."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import support_builds
from support_builds import LoopbackIndex
from tagseal.adapters.requirements import IndexRequirements
from tagseal.core.lock import parse_lock
from tagseal.errors import ExitCode, TagsealError

PYTHON = ".".join(map(str, sys.version_info[:2]))
HOOKS = importlib.metadata.version("pyproject-hooks")
HOOKS_WHEEL = f"pyproject_hooks-{HOOKS}-py3-none-any.whl"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackIndex]:
    with support_builds.loopback_index(tmp_path_factory.mktemp("index") / "served") as served:
        yield served


@pytest.fixture
def requirements(index: LoopbackIndex, tmp_path: Path) -> IndexRequirements:
    return support_builds.requirements(index, tmp_path / "home")


def _cache(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home" / ".cache" / "tagseal").rglob("*.whl"))


def test_requirements_are_locked_with_all_they_need(requirements: IndexRequirements) -> None:
    data = requirements.lock(("build>=1", "pyproject-hooks"), python_version=PYTHON)
    lock = parse_lock(data)
    assert [package.name for package in lock.packages] == ["build", "packaging", "pyproject-hooks"]
    assert all(wheel.sha256.startswith("sha256:") for package in lock.packages for wheel in package.wheels)
    assert b"127.0.0.1" not in data  # an address without https pins nothing and is not written


def test_locking_twice_gives_the_same_bytes(requirements: IndexRequirements) -> None:
    first = requirements.lock(("build",), python_version=PYTHON)
    assert requirements.lock(("build",), python_version=PYTHON) == first


@pytest.mark.parametrize("wanted", ["no-such-package-here", "pyproject-hooks>=9999", "build<1; python_version>'3'"])
def test_what_cannot_be_resolved_is_an_error(requirements: IndexRequirements, wanted: str) -> None:
    with pytest.raises(TagsealError) as caught:
        requirements.lock((wanted,), python_version=PYTHON)
    assert caught.value.code.id == "requirement-unresolvable"
    assert caught.value.exit_code == ExitCode.USAGE
    assert wanted[:5] in caught.value.what


def test_locked_wheels_are_fetched_checked_and_cached(requirements: IndexRequirements, tmp_path: Path) -> None:
    lock = requirements.lock(("pyproject-hooks",), python_version=PYTHON)
    found = requirements.fetch(lock, tmp_path / "one", python_version=PYTHON)
    assert [(item.name, item.version, item.filename) for item in found] == [("pyproject-hooks", HOOKS, HOOKS_WHEEL)]
    data = (tmp_path / "one" / HOOKS_WHEEL).read_bytes()
    assert found[0].sha256 == f"sha256:{support_builds.sha256(data)}"
    assert [path.parent.name for path in _cache(tmp_path)] == [support_builds.sha256(data)]


def test_a_second_fetch_needs_no_index(requirements: IndexRequirements, tmp_path: Path) -> None:
    lock = requirements.lock(("pyproject-hooks",), python_version=PYTHON)
    requirements.fetch(lock, tmp_path / "one", python_version=PYTHON)
    offline = IndexRequirements({"HOME": str(tmp_path / "home"), "PIP_INDEX_URL": "http://127.0.0.1:1/"})
    offline.fetch(lock, tmp_path / "two", python_version=PYTHON)
    assert (tmp_path / "two" / HOOKS_WHEEL).read_bytes() == (tmp_path / "one" / HOOKS_WHEEL).read_bytes()


def test_a_changed_file_in_the_cache_is_thrown_away(requirements: IndexRequirements, tmp_path: Path) -> None:
    lock = requirements.lock(("pyproject-hooks",), python_version=PYTHON)
    requirements.fetch(lock, tmp_path / "one", python_version=PYTHON)
    _cache(tmp_path)[0].write_bytes(b"evil")
    requirements.fetch(lock, tmp_path / "two", python_version=PYTHON)
    assert (tmp_path / "two" / HOOKS_WHEEL).read_bytes() == (tmp_path / "one" / HOOKS_WHEEL).read_bytes()
    assert b"evil" not in [path.read_bytes() for path in _cache(tmp_path)]


def test_a_cache_that_cannot_be_written_only_costs_time(index: LoopbackIndex, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, not a folder", encoding="utf-8")
    settings = {**index.environment(tmp_path / "home"), "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_NO_CONFIG": "1"}
    lock = support_builds.requirements(index, tmp_path / "good").lock(("pyproject-hooks",), python_version=PYTHON)
    IndexRequirements(settings).fetch(lock, tmp_path / "one", python_version=PYTHON)
    assert (tmp_path / "one" / HOOKS_WHEEL).is_file()


@pytest.mark.promise("R16")
def test_other_bytes_than_locked_are_refused(requirements: IndexRequirements, tmp_path: Path) -> None:
    lock = requirements.lock(("pyproject-hooks",), python_version=PYTHON)
    digest = parse_lock(lock).packages[0].wheels[0].sha256.removeprefix("sha256:")
    wrong = lock.replace(digest.encode(), b"00" * 32)
    with pytest.raises(TagsealError) as caught:
        requirements.fetch(wrong, tmp_path / "one", python_version=PYTHON)
    assert caught.value.code.id == "requirement-hash-mismatch"
    assert caught.value.exit_code == ExitCode.FAIL
    assert list((tmp_path / "one").iterdir()) == []
    assert _cache(tmp_path) == []


def test_a_file_the_index_no_longer_has_is_an_error(requirements: IndexRequirements, tmp_path: Path) -> None:
    lock = requirements.lock(("pyproject-hooks",), python_version=PYTHON)
    gone = lock.replace(HOOKS.encode(), b"0.0.1")
    with pytest.raises(TagsealError) as caught:
        requirements.fetch(gone, tmp_path / "one", python_version=PYTHON)
    assert caught.value.code.id == "requirement-unavailable"


def test_an_index_that_is_down_is_worth_a_retry(requirements: IndexRequirements, tmp_path: Path) -> None:
    lock = requirements.lock(("pyproject-hooks",), python_version=PYTHON)
    url = "http://127.0.0.1:1/simple/"
    down = IndexRequirements({"HOME": str(tmp_path / "other"), "PIP_INDEX_URL": url, "UV_INDEX_URL": url})
    with pytest.raises(TagsealError) as caught:
        down.fetch(lock, tmp_path / "one", python_version=PYTHON)
    assert caught.value.code.id == "index-unreachable"
    with pytest.raises(TagsealError) as caught:
        down.lock(("build",), python_version=PYTHON)
    assert caught.value.code.id == "index-unreachable"
    assert caught.value.exit_code == ExitCode.SERVICE


def test_a_password_in_an_index_address_is_not_shown(tmp_path: Path) -> None:
    url = "http://ada:hunter2@127.0.0.1:1/simple/"
    with pytest.raises(TagsealError) as caught:
        IndexRequirements({"HOME": str(tmp_path), "UV_INDEX_URL": url}).lock(("build",), python_version=PYTHON)
    assert "hunter2" not in caught.value.what


def test_nothing_in_the_working_directory_configures_the_tools(
    requirements: IndexRequirements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text('[pip]\nindex-url = "http://127.0.0.1:1/simple"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert requirements.lock(("build",), python_version=PYTHON)


@pytest.mark.registry
def test_the_example_s_committed_lock_can_be_fetched(tmp_path: Path) -> None:
    import tagseal.rehearsal

    example = Path(tagseal.rehearsal.__file__).parent / "example"
    lock = (example / "pylock.build.toml").read_bytes()
    assert b"://" not in lock
    found = IndexRequirements().fetch(lock, tmp_path / "wheels", python_version=PYTHON)
    assert [item.name for item in found] == ["build", "flit-core", "packaging", "pyproject-hooks"]
