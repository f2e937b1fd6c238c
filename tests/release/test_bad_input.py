"""Bad sources and bad backends: one clear error, a sound directory, nothing public, and a re-run that finishes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support_bad import (
    Source,
    Tools,
    assert_nothing_public,
    assert_one_error,
    assert_sound,
    backend_files,
    bad_release,
    command,
    make_source,
    tools,
)
from support_git import Repo, call, make_ssh_key
from support_release import Release
from tagseal.steps import RELEASE_ORDER


@pytest.fixture(scope="module")
def build_tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    with tools(tmp_path_factory.mktemp("tools")) as found:
        yield found


def finish(made: Release) -> None:
    """Run the whole release; it ends, and its records are whole."""
    made.until("")
    ended = made.audit()
    assert (ended.exit_code, ended.data["verdict"]) == (0, "PASS")
    assert sorted(made.services.index.service.files) == [
        "example_widget-1.0.0-py3-none-any.whl",
        "example_widget-1.0.0.tar.gz",
    ]


@dataclass(frozen=True, slots=True)
class Broken:
    """What `verify-source` must say, and how the maintainer mends it."""

    code: str
    exit_code: int
    words: str
    """Stands in the error's `what`."""
    mend: Callable[[], object]
    tag: str = "v1.0.0"


def not_a_repository(source: Source) -> Broken:
    git = source.project.path / ".git"
    git.rename(git.with_name("away"))
    return Broken("not-a-repository", 2, "", lambda: git.with_name("away").rename(git))


def no_commits(source: Source) -> Broken:
    git, away = source.project.path / ".git", source.project.path.parent / "away"
    git.rename(away)
    source.project.git("init", "--quiet")

    def mend() -> None:
        shutil.rmtree(git)
        away.rename(git)

    return Broken("no-commits", 2, "", mend)


def dirty_tree(source: Source) -> Broken:
    stray = source.project.path / "src" / "example_widget" / "stray.py"
    stray.write_text("pass\n", encoding="utf-8")
    return Broken("dirty-tree", 1, "src/example_widget/stray.py", stray.unlink)


def shallow_clone(source: Source) -> Broken:
    whole = source.project.path.parent / "whole"
    source.project.commit({"later.txt": "so that there is history\n"})
    source.project.tag_ssh("v1.0.0", source.key)
    source.project.path.rename(whole)
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{whole}", str(source.project.path)]
    call(clone, cwd=whole)
    source.project.git("fetch", "--quiet", "--depth", "1", "origin", "refs/tags/v1.0.0:refs/tags/v1.0.0")
    return Broken("shallow-clone", 1, "", lambda: source.project.git("fetch", "--quiet", "--unshallow"))


def sign_again(source: Source) -> Callable[[], object]:
    return lambda: source.project.tag_ssh("v1.0.0", source.key)


def tag_missing(source: Source) -> Broken:
    source.project.git("tag", "--delete", "v1.0.0")
    return Broken("tag-missing", 1, "v1.0.0", sign_again(source))


def tag_lightweight(source: Source) -> Broken:
    source.project.git("tag", "--force", "--no-sign", "v1.0.0", "HEAD")
    return Broken("tag-lightweight", 1, "v1.0.0", sign_again(source))


def tag_unsigned(source: Source) -> Broken:
    source.project.git("tag", "--delete", "v1.0.0")
    source.project.tag_unsigned("v1.0.0")
    return Broken("tag-unsigned", 1, "v1.0.0", sign_again(source))


def tag_wrongly_signed(source: Source) -> Broken:
    """The signature is the maintainer's, of a tag with another message."""
    content = source.project.git("cat-file", "tag", "v1.0.0") + "\n"
    forged = content.replace("Release v1.0.0", "Release v1.0.0 with a present")
    name = source.project.git("hash-object", "-t", "tag", "-w", "--stdin", data=forged.encode())
    source.project.git("update-ref", "refs/tags/v1.0.0", name)
    return Broken("tag-signature-bad", 1, "v1.0.0", sign_again(source))


def tag_by_a_stranger(source: Source) -> Broken:
    source.project.tag_ssh("v1.0.0", make_ssh_key(source.project.path.parent / "stranger"))
    return Broken("tag-signer-unknown", 1, "v1.0.0", sign_again(source))


def tag_is_no_version(source: Source) -> Broken:
    source.project.tag_ssh("release-one", source.key)
    return Broken("tag-not-a-version", 1, "release-one", lambda: None, tag="release-one")


def not_on_the_release_branch(source: Source) -> Broken:
    source.project.git("checkout", "--quiet", "-b", "feature")
    source.mend({"feature.txt": "not reviewed\n"})
    return Broken("commit-not-on-release-branch", 1, "main", lambda: source.project.git("branch", "-f", "main", "HEAD"))


def lock_missing(source: Source) -> Broken:
    name = "pylock.build.toml"
    lock = (source.project.path / name).read_bytes()
    (source.project.path / name).unlink()
    source.mend({})
    return Broken("lock-missing", 2, name, lambda: source.mend({name: lock}))


SOURCES = (
    not_a_repository,
    no_commits,
    dirty_tree,
    shallow_clone,
    tag_missing,
    tag_lightweight,
    tag_unsigned,
    tag_wrongly_signed,
    tag_by_a_stranger,
    tag_is_no_version,
    not_on_the_release_branch,
    lock_missing,
)


@pytest.mark.promise("R9")
@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_a_bad_source_stops_before_anything_is_built(
    tmp_path: Path, build_tools: Tools, make: Callable[[Source], Broken]
) -> None:
    source = make_source(tmp_path / "source", build_tools.lock)
    with bad_release(tmp_path, build_tools, source) as made:
        broken = make(source)
        ended = replace(made, tag=broken.tag).step("verify-source")
        assert_one_error(ended, broken.code, broken.exit_code)
        assert broken.words in ended.data["error"]["what"]
        assert_sound(made, failed="verify-source" if broken.exit_code == 1 else "")
        later = made.step("build.a")
        assert_one_error(later, *(("step-failed", 1) if broken.exit_code == 1 else ("step-not-run", 2)))
        assert_nothing_public(made)
        broken.mend()
        again = made.step("verify-source")
        assert again.exit_code == 0, again.data
        assert_sound(made)


def test_the_rest_of_a_release_runs_once_the_source_is_mended(tmp_path: Path, build_tools: Tools) -> None:
    source = make_source(tmp_path / "source", build_tools.lock)
    broken = tag_by_a_stranger(source)
    with bad_release(tmp_path, build_tools, source) as made:
        assert_one_error(made.step("verify-source"), "tag-signer-unknown", 1)
    broken.mend()
    with bad_release(tmp_path, build_tools, source) as made:
        finish(made)


def test_a_tag_of_another_version_than_the_project_s(tmp_path: Path, build_tools: Tools) -> None:
    source = make_source(tmp_path / "source", build_tools.lock)
    source.project.tag_ssh("v1.0.1", source.key)
    with bad_release(tmp_path, build_tools, source) as made:
        wrong = replace(made, tag="v1.0.1")
        wrong.until("inspect")
        ended = wrong.step("inspect")
        assert ended.exit_code == 1
        found = ended.data["result"]["checks"] if "result" in ended.data else [ended.data["error"]]
        assert "version-mismatch" in {check["code"] for check in found}
        assert_sound(made, failed="inspect")
        for node in RELEASE_ORDER[RELEASE_ORDER.index("hash") :]:
            assert wrong.step(node).error in {"step-failed", "step-not-run"}, node
        assert_nothing_public(made)
        made.until("hash")
        assert_sound(made)


BACKENDS = {
    "fails": "build-failed",
    "fails_in_wheel": "build-failed",
    "hangs": "build-timeout",
    "floods": "build-disk-full",
    "floods_output": "build-output-limit",
    "wants_network": "build-wants-network",
    "nothing": "build-no-output",
    "two_versions": "build-several-versions",
    "traversal": "archive-traversal",
    "absolute": "archive-absolute",
    "link": "archive-link",
    "device": "archive-device",
}


@pytest.mark.parametrize(("backend", "code"), BACKENDS.items(), ids=BACKENDS)
def test_a_bad_backend_stops_the_release(tmp_path: Path, build_tools: Tools, backend: str, code: str) -> None:
    source = make_source(tmp_path / "source", build_tools.lock, backend)
    limits = ["--timeout-s", "4"] if backend == "hangs" else []
    with bad_release(tmp_path, build_tools, source) as made:
        made.until("build.a")
        assert_one_error(made.step("build.a", *limits), code, 1)
        assert not (made.directory / "dist").exists()
        folder = made.directory / "steps" / "build.a"
        assert sorted(path.name for path in folder.iterdir()) == ["link.json", "record.json", "result.json"]
        assert_sound(made, failed="build.a")
        assert_one_error(made.step("compare"), "step-not-run", 2)
        assert_nothing_public(made)
        source.mend(backend_files("good"))
        for node in ("verify-source", "build.a"):
            ended = made.step(node)
            assert ended.exit_code == 0, ended.data
        assert_sound(made)


def test_the_rest_of_a_release_runs_once_the_backend_is_mended(tmp_path: Path, build_tools: Tools) -> None:
    source = make_source(tmp_path / "source", build_tools.lock, "fails")
    with bad_release(tmp_path, build_tools, source) as made:
        made.until("build.a")
        for node in ("build.a", "build.b"):
            assert made.step(node).exit_code == 1
        assert_one_error(made.step("compare"), "step-failed", 1)
        assert_nothing_public(made)
    source.mend(backend_files("good"))
    with bad_release(tmp_path, build_tools, source) as made:
        finish(made)


def with_other_hashes(lock: bytes) -> bytes:
    """Return the lock with a digest changed that no file has."""
    return re.sub(rb'(sha256 ?= ?")[0-9a-f]{8}', rb"\g<1>00000000", lock)


def test_a_requirement_with_another_hash_than_locked(tmp_path: Path, build_tools: Tools) -> None:
    wrong = with_other_hashes(build_tools.lock)
    assert wrong != build_tools.lock
    source = make_source(tmp_path / "source", wrong)
    with bad_release(tmp_path, build_tools, source) as made:
        made.until("build.a")
        assert_one_error(made.step("build.a"), "requirement-hash-mismatch", 1)
        assert_sound(made, failed="build.a")
        assert_nothing_public(made)
    source.mend({"pylock.build.toml": build_tools.lock})
    with bad_release(tmp_path, build_tools, source) as made:
        made.until("compare")


def test_a_requirement_that_the_lock_does_not_have(tmp_path: Path, build_tools: Tools) -> None:
    source = make_source(tmp_path / "source", build_tools.lock)
    pyproject = (source.project.path / "pyproject.toml").read_text(encoding="utf-8")
    wants = pyproject.replace("requires = []", 'requires = ["widget-press>=2"]')
    assert wants != pyproject
    source.mend({"pyproject.toml": wants})
    with bad_release(tmp_path, build_tools, source) as made:
        made.until("build.a")
        assert_one_error(made.step("build.a"), "lock-stale", 2)
        assert_sound(made)
        locked = command(made, "lock", str(source.project.path))
        assert_one_error(locked, "requirement-unresolvable", 2)
        assert_nothing_public(made)
        assert (source.project.path / "pylock.build.toml").read_bytes() == build_tools.lock
    source.mend({"pyproject.toml": pyproject})
    with bad_release(tmp_path, build_tools, source) as made:
        made.until("compare")


def test_a_project_that_is_not_there(tmp_path: Path, build_tools: Tools) -> None:
    source = make_source(tmp_path / "source", build_tools.lock)
    with bad_release(tmp_path, build_tools, source) as made:
        lost = replace(made, project=Repo(tmp_path / "nowhere"))
        ended = lost.step("verify-source")
        assert_one_error(ended, "wrong-usage", 2)
        assert (
            ended.data["error"]["what"] == f"tagseal verify-source: the project {tmp_path / 'nowhere'} is not a folder."
        )
        assert not made.directory.exists()
