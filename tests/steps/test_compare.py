"""The step `compare`, on release directories as the build legs leave them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from support_archives import (
    METADATA,
    SDIST_NAME,
    SOURCE_FILES,
    WHEEL_NAME,
    Release,
    build_facts,
    sdist,
    sha256,
    wheel,
    zip_of,
)
from tagseal.core.checks import Verdict, overall
from tagseal.core.policy import GeneratedPath, Policy
from tagseal.errors import TagsealError
from tagseal.step import NoParams
from tagseal.steps import compare

SETUP_CFG = b"[metadata]\nname=demo\n# a comment\n"


def run(release: Release) -> compare.Result:
    return compare.run(release.context("compare", compare.STEP.reads), NoParams())


def failures(result: compare.Result) -> list[tuple[str, str]]:
    return [(check.code, check.subject) for check in result.checks if check.verdict is Verdict.FAIL]


@pytest.mark.promise("R13")
def test_equal_builds_of_the_tagged_source(tmp_path: Path) -> None:
    release = Release(tmp_path)
    result = run(release)
    assert overall(result.checks) is Verdict.PASS
    assert [(artifact.name, artifact.sha256) for artifact in result.artifacts] == [
        (WHEEL_NAME, sha256(release.a[WHEEL_NAME])),
        (SDIST_NAME, sha256(release.a[SDIST_NAME])),
    ]
    assert [(check.code, check.subject, str(check.verdict)) for check in result.checks] == [
        ("build-reproducible", WHEEL_NAME, "PASS"),
        ("build-reproducible", SDIST_NAME, "PASS"),
        ("build-claims-true", "build.a", "PASS"),
        ("build-claims-true", "build.b", "PASS"),
        ("build-environments-equal", "builds", "PASS"),
        ("build-varied", "builds", "PASS"),
        ("sdist-from-source", SDIST_NAME, "PASS"),
        ("wheel-from-sdist", WHEEL_NAME, "PASS"),
    ]


@pytest.mark.promise("R13")
def test_difference_names_member_and_cause(tmp_path: Path) -> None:
    release = Release(tmp_path, b={SDIST_NAME: sdist(), WHEEL_NAME: wheel({"demo/built.txt": b"at 10:00:03\n"})})
    release.a[WHEEL_NAME] = wheel({"demo/built.txt": b"at 10:00:01\n"})
    result = run(release)
    assert failures(result) == [("build-not-reproducible", f"{WHEEL_NAME}:demo/built.txt")]
    check = next(check for check in result.checks if check.verdict is Verdict.FAIL)
    assert check.message == (
        "The two builds differ in demo/built.txt (embedded-time): "
        "use SOURCE_DATE_EPOCH instead of the time of the build."
    )
    assert check.evidence == "line 1: 'at 10:00:01' against 'at 10:00:03'"


def test_many_differences_are_cut(tmp_path: Path) -> None:
    a, b = ({f"demo/{number}.txt": text for number in range(30)} for text in (b"1", b"2"))
    release = Release(tmp_path, b={SDIST_NAME: sdist(), WHEEL_NAME: wheel(b)})
    release.a[WHEEL_NAME] = wheel(a)
    result = run(release)
    assert len(failures(result)) == 11
    assert failures(result)[-1] == ("build-not-reproducible", WHEEL_NAME)


def test_builds_that_made_other_files(tmp_path: Path) -> None:
    other = "demo-1.0-py2.py3-none-any.whl"
    result = run(Release(tmp_path, b={SDIST_NAME: sdist(), other: wheel()}))
    assert failures(result) == [("build-files-differ", other), ("build-files-differ", WHEEL_NAME)]


@pytest.mark.promise("R14")
def test_leg_that_lies_about_its_bytes(tmp_path: Path) -> None:
    release = Release(tmp_path)
    release.facts_a = build_facts("a", {SDIST_NAME: sdist(), WHEEL_NAME: wheel({"demo/x.py": b""})})
    assert failures(run(release)) == [("build-claim-untrue", f"build.a: {WHEEL_NAME}")]


def test_leg_that_names_a_file_twice(tmp_path: Path) -> None:
    release = Release(tmp_path)
    facts = build_facts("a", release.a)
    release.facts_a = dataclasses.replace(facts, artifacts=facts.artifacts + facts.artifacts[:1])
    assert [code for code, _ in failures(run(release))] == ["build-claim-untrue"]


@pytest.mark.parametrize(
    ("claims", "subject"),
    [
        ({"lock_digest": sha256(b"other")}, "build.b: build lock"),
        ({"source_date_epoch_s": 1}, "build.b: SOURCE_DATE_EPOCH"),
    ],
)
def test_leg_with_other_inputs(tmp_path: Path, claims: dict[str, object], subject: str) -> None:
    assert failures(run(Release(tmp_path, claims_b=claims))) == [("build-claim-untrue", subject)]


@pytest.mark.parametrize(
    ("claims", "subject"),
    [
        ({"interpreter": "CPython 3.13.5 x86_64"}, "interpreter"),
        ({"image": sha256(b"image")}, "image"),
        ({"sandbox": "process"}, "sandbox"),
        ({"requirements": ()}, "requirements"),
    ],
)
def test_legs_in_different_environments(tmp_path: Path, claims: dict[str, object], subject: str) -> None:
    assert failures(run(Release(tmp_path, claims_b=claims))) == [("build-environments-differ", subject)]


def test_clock_that_did_not_vary_is_unknown(tmp_path: Path) -> None:
    variations = {**dict.fromkeys(("HOME", "LC_ALL", "PYTHONHASHSEED", "TZ", "umask"), "b"), "clock": "a"}
    result = run(Release(tmp_path, claims_b={"variations": variations}))
    assert overall(result.checks) is Verdict.UNKNOWN
    assert [check.subject for check in result.checks if check.verdict is Verdict.UNKNOWN] == ["clock"]


@pytest.mark.promise("R12")
def test_sdist_with_a_file_that_is_not_in_the_tag(tmp_path: Path) -> None:
    planted = {**SOURCE_FILES, "PKG-INFO": METADATA, "demo/hook.py": b"import os\n"}
    result = run(Release(tmp_path, a={SDIST_NAME: sdist(planted), WHEEL_NAME: wheel()}))
    assert failures(result) == [("sdist-member-not-in-source", f"{SDIST_NAME}:demo/hook.py")]


def test_generated_file_that_the_policy_names(tmp_path: Path) -> None:
    made = {**SOURCE_FILES, "PKG-INFO": METADATA, "demo/grammar.py": b"import os\n"}
    policy = Policy(generated=(GeneratedPath(path="demo/grammar.py", reason="parser generator"),))
    result = run(Release(tmp_path, a={SDIST_NAME: sdist(made), WHEEL_NAME: wheel()}, policy=policy))
    assert failures(result) == []
    assert [check.subject for check in result.checks if check.verdict is Verdict.WAIVED] == [
        f"{SDIST_NAME}:demo/grammar.py"
    ]


def test_wheel_with_code_of_its_own(tmp_path: Path) -> None:
    result = run(Release(tmp_path, a={SDIST_NAME: sdist(), WHEEL_NAME: wheel({"demo/x.py": b"import os\n"})}))
    assert failures(result) == [("wheel-member-not-in-sdist", f"{WHEEL_NAME}:demo/x.py")]


def test_release_without_an_sdist(tmp_path: Path) -> None:
    assert failures(run(Release(tmp_path, a={WHEEL_NAME: wheel()}))) == [("sdist-count", "dist")]


def test_sdist_without_a_wheel_cannot_vouch_for_its_metadata(tmp_path: Path) -> None:
    result = run(Release(tmp_path, a={SDIST_NAME: sdist()}))
    assert failures(result) == [("sdist-member-not-in-source", f"{SDIST_NAME}:PKG-INFO")]


def test_rewritten_setup_cfg_is_computed_from_the_tag(tmp_path: Path) -> None:
    files = {"demo/__init__.py": SOURCE_FILES["demo/__init__.py"], "PKG-INFO": METADATA}
    written = b"[metadata]\nname = demo\n\n[egg_info]\ntag_build = \ntag_date = 0\n\n"
    release = Release(
        tmp_path,
        tagged={"demo/__init__.py": SOURCE_FILES["demo/__init__.py"], "setup.cfg": SETUP_CFG},
        a={SDIST_NAME: sdist({**files, "setup.cfg": written}), WHEEL_NAME: wheel()},
    )
    context = release.context("compare", compare.STEP.reads)
    assert failures(compare.run(context, NoParams())) == []
    assert context.adapters.git.asked == ["setup.cfg"]  # type: ignore[attr-defined]  # the test's own fake


def test_pyproject_that_a_backend_rewrote(tmp_path: Path) -> None:
    files = {**SOURCE_FILES, "PKG-INFO": METADATA, "pyproject.toml": b"[project]\nname = 'demo'\n"}
    result = run(Release(tmp_path, a={SDIST_NAME: sdist(files), WHEEL_NAME: wheel()}))
    assert failures(result) == [("sdist-member-not-in-source", f"{SDIST_NAME}:pyproject.toml")]


def test_hostile_archive_stops_the_step(tmp_path: Path) -> None:
    release = Release(tmp_path, facts_a=build_facts("a", {}))
    release.b = {SDIST_NAME: sdist(), WHEEL_NAME: wheel()}
    release.a[WHEEL_NAME] = zip_of({"../../evil.py": b""})
    with pytest.raises(TagsealError) as caught:
        run(release)
    assert caught.value.code.id == "archive-traversal"


def test_nothing_is_written(tmp_path: Path) -> None:
    release = Release(tmp_path)
    context = release.context("compare", compare.STEP.reads)
    before = sorted(tmp_path.rglob("*"))
    compare.run(context, NoParams())
    assert sorted(tmp_path.rglob("*")) == before
