"""The source gate, member by member."""

from __future__ import annotations

import dataclasses

import pytest

from support_archives import METADATA, PYPROJECT, SDIST_NAME, SOURCE_FILES, WHEEL_NAME, sdist, sha256, wheel
from tagseal.core.archive_tar import read_sdist
from tagseal.core.archive_zip import read_wheel
from tagseal.core.checks import Check, Verdict
from tagseal.core.generated_files import LEGACY_SETUPTOOLS, read_declared
from tagseal.core.sdist_gate import Source, check_sdist, setuptools_setup_cfg
from tagseal.core.wheel_source import check_wheel

SOURCE = Source(
    package="demo",
    version="1.0",
    tree={path: sha256(data) for path, data in SOURCE_FILES.items()},
    declared=read_declared(PYPROJECT),
    setup_cfg=None,
    generated={},
)
SETUPTOOLS = dataclasses.replace(SOURCE, declared=LEGACY_SETUPTOOLS)
VERSIONED = dataclasses.replace(
    SOURCE, declared=read_declared(b'[tool.setuptools_scm]\nversion_file = "src/demo/_version.py"')
)
SETUP_CFG = b"[egg_info]\ntag_build = \ntag_date = 0\n\n"


def judged(extra: dict[str, bytes], source: Source = SOURCE) -> tuple[Check, ...]:
    members = read_sdist(SDIST_NAME, sdist({**SOURCE_FILES, "PKG-INFO": METADATA, **extra}))
    return check_sdist(SDIST_NAME, members, source, METADATA)


def assert_refused(extra: dict[str, bytes], source: Source = SOURCE, *, why: str = "") -> None:
    (check,) = judged(extra, source)
    (path,) = extra
    assert (check.code, check.verdict) == ("sdist-member-not-in-source", Verdict.FAIL)
    assert check.subject == f"{SDIST_NAME}:{path}"
    assert why in check.message
    assert check.evidence == sha256(extra[path])


def assert_passes(extra: dict[str, bytes], source: Source = SOURCE) -> None:
    (check,) = judged(extra, source)
    assert (check.code, check.verdict) == ("sdist-from-source", Verdict.PASS)


def test_tagged_files_and_pkg_info() -> None:
    (check,) = judged({})
    assert check.message == "3 files are the tag's own; 1 were generated and are accounted for."


@pytest.mark.promise("R12")
def test_changed_file() -> None:
    assert_refused({"demo/__init__.py": b"import os\n"}, why="has other content than in the tag")


@pytest.mark.promise("R12")
@pytest.mark.parametrize("path", ["demo/extra.py", "m4/build-to-host.m4", "setup.cfg", "demo/__init__.pyc"])
def test_added_file(path: str) -> None:
    assert_refused({path: b"x\n"}, why="is not in the tag")


def test_tagged_content_at_another_path() -> None:
    assert_refused({"other.py": SOURCE_FILES["demo/__init__.py"]}, why="is not in the tag")


def test_pkg_info_must_be_the_wheels_metadata() -> None:
    assert_refused({"PKG-INFO": METADATA + b"more\n"}, why="differs from the METADATA of the wheel")
    assert_passes({"PKG-INFO": METADATA + b"\n\n"})


def test_setuptools_files() -> None:
    assert_passes({"demo.egg-info/PKG-INFO": METADATA}, SETUPTOOLS)
    assert_passes({"src/demo.egg-info/SOURCES.txt": b"README.md\n"}, SETUPTOOLS)
    assert_refused({"demo.egg-info/PKG-INFO": b"Name: other\n"}, SETUPTOOLS, why="differs")
    assert_refused({"demo.egg-info/hook.py": b""}, SETUPTOOLS)
    assert_refused({"demo.egg-info/SOURCES.txt": b""}, SOURCE)


def test_setup_cfg_as_setuptools_writes_it() -> None:
    assert_passes({"setup.cfg": SETUP_CFG}, SETUPTOOLS)
    assert_refused({"setup.cfg": SETUP_CFG + b"[options]\nscripts = evil\n"}, SETUPTOOLS, why="as setuptools rewrites")
    original = b"# comment\n[metadata]\nName=demo\n"
    rewritten = b"[metadata]\nName = demo\n\n" + SETUP_CFG
    tagged = dataclasses.replace(SETUPTOOLS, setup_cfg=original, tree={**SOURCE.tree, "setup.cfg": sha256(original)})
    assert_passes({"setup.cfg": rewritten}, tagged)
    assert_refused({"setup.cfg": rewritten.replace(b"demo", b"evil")}, tagged)
    assert_refused({"setup.cfg": SETUP_CFG}, tagged)


@pytest.mark.parametrize("original", [b"no section\n", b"\xff", b"[a]\nx=1\n[a]\n"])
def test_tagged_setup_cfg_that_nobody_can_read(original: bytes) -> None:
    assert setuptools_setup_cfg(original) is None


def test_declared_version_file() -> None:
    assert_passes({"src/demo/_version.py": b"__version__ = '1.0'\n"}, VERSIONED)
    assert_refused({"src/demo/_version.py": b"import os\n"}, VERSIONED, why="line 1 is more than constants")
    assert_refused({"demo/_version.py": b"__version__ = '1.0'\n"}, VERSIONED, why="is not in the tag")
    assert_refused({"src/demo/_version.py": b"__version__ = '1.0'\n"}, SOURCE, why="is not in the tag")


def test_declared_version_text() -> None:
    source = dataclasses.replace(SOURCE, declared=read_declared(b'[tool.setuptools_scm]\nwrite_to = "VERSION.txt"'))
    assert_passes({"VERSION.txt": b"1.0\n"}, source)
    assert_refused({"VERSION.txt": b"2.0\n"}, source, why="is not just 1.0")


def test_what_the_policy_allows_is_shown() -> None:
    source = dataclasses.replace(SOURCE, generated={"demo/grammar.py": "made by a parser generator"})
    waived, summary = judged({"demo/grammar.py": b"import os\n"}, source)
    assert (waived.code, waived.verdict) == ("sdist-member-generated", Verdict.WAIVED)
    assert "made by a parser generator" in waived.message
    assert summary.verdict is Verdict.PASS


def wheel_checks(extra: dict[str, bytes], source: Source = SOURCE) -> list[tuple[str, str]]:
    members = read_wheel(wheel(extra))
    found = check_wheel(WHEEL_NAME, members, read_sdist(SDIST_NAME, sdist()), source)
    return [(check.code, check.verdict) for check in found]


def test_wheel_code_comes_from_the_sdist() -> None:
    assert wheel_checks({"demo/data.json": b"{}"}) == [("wheel-from-sdist", "PASS")]


@pytest.mark.promise("R14")
@pytest.mark.parametrize("path", ["demo/evil.py", "evil.pth", "demo/__init__.pyc", "demo/__init__.py"])
def test_wheel_code_that_the_sdist_does_not_have(path: str) -> None:
    assert wheel_checks({path: b"import os\n"}) == [("wheel-member-not-in-sdist", "FAIL")]


def test_version_file_made_for_the_wheel() -> None:
    assert wheel_checks({"demo/_version.py": b"__version__ = '1.0'\n"}, VERSIONED) == [("wheel-from-sdist", "PASS")]
    assert wheel_checks({"demo/_version.py": b"import os\n"}, VERSIONED) == [("wheel-member-not-in-sdist", "FAIL")]


def test_wheel_code_that_the_policy_allows() -> None:
    source = dataclasses.replace(SOURCE, generated={"demo/pb2.py": "protobuf"})
    assert wheel_checks({"demo/pb2.py": b"import os\n"}, source) == [
        ("wheel-member-generated", "WAIVED"),
        ("wheel-from-sdist", "PASS"),
    ]


def test_script_whose_first_line_setuptools_rewrote() -> None:
    members = read_wheel(wheel({"demo-1.0.data/scripts/run.py": b"#!python\nprint(1)\n"}))
    source_members = read_sdist(SDIST_NAME, sdist({"run.py": b"#!/usr/bin/env python3\nprint(1)\n", **SOURCE_FILES}))
    assert [check.verdict for check in check_wheel(WHEEL_NAME, members, source_members, SOURCE)] == [Verdict.PASS]
