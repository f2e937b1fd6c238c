"""Causes of differences between two builds, each from a pair of archives that differ in just that."""

from __future__ import annotations

import gzip
import tarfile

import pytest

from support_archives import SDIST_NAME, WHEEL_NAME, sdist, tar_file, tar_gz, wheel, zip_of
from tagseal.core.difference import Cause, Difference, explain


def causes(a: bytes, b: bytes, name: str = SDIST_NAME) -> list[tuple[str, str]]:
    return [(difference.member, str(difference.cause)) for difference in explain(name, a, b)]


def in_file(a: bytes, b: bytes, path: str = "x.txt") -> Difference:
    (found,) = explain(SDIST_NAME, sdist({path: a}), sdist({path: b}))
    assert found.member == f"demo-1.0/{path}"
    return found


def test_equal_bytes() -> None:
    assert explain(SDIST_NAME, sdist(), sdist()) == ()


def test_member_of_one_build_only() -> None:
    a, b = sdist({"x": b"1", "y": b"2"}), sdist({"x": b"1", "z": b"333"})
    assert explain(SDIST_NAME, a, b) == (
        Difference(member="demo-1.0/y", cause=Cause.ONLY_IN_FIRST, detail="1 bytes"),
        Difference(member="demo-1.0/z", cause=Cause.ONLY_IN_SECOND, detail="3 bytes"),
    )


def test_mode_time_and_order() -> None:
    one, other = tar_file("demo-1.0/x"), tar_file("demo-1.0/x", mode=0o600)
    (found,) = explain(SDIST_NAME, tar_gz([(one, b"")]), tar_gz([(other, b"")]))
    assert (found.cause, found.detail) == (Cause.MODE, "0644 against 0600")
    later = tarfile.TarInfo("demo-1.0/x")
    later.mtime = 5
    (found,) = explain(SDIST_NAME, tar_gz([(one, b"")]), tar_gz([(later, b"")]))
    assert (found.cause, found.detail) == (Cause.MEMBER_TIME, "0 against 5 seconds since the epoch")
    assert causes(sdist({"a": b"", "b": b""}), sdist({"b": b"", "a": b""})) == [("", "member-order")]


def test_container_only() -> None:
    tar = gzip.decompress(sdist())
    assert causes(gzip.compress(tar, mtime=1), gzip.compress(tar, mtime=2)) == [("", "gzip-header")]
    a, b = gzip.compress(tar, 6, mtime=0), gzip.compress(tar, 5, mtime=0)
    assert causes(a, b) == [("", "compression")]


@pytest.mark.parametrize(
    ("a", "b", "cause"),
    [
        (b"b = 1\na = 2\n", b"a = 2\nb = 1\n", "line-order"),
        (b"names = {'x', 'y'}\n", b"names = {'y', 'x'}\n", "line-order"),
        (b"root = /tmp/build-a/src/x\n", b"root = /tmp/build-b/src/x\n", "embedded-path"),
        (b"dir .mesonpy-ab12cd34\n", b"dir .mesonpy-zz98yy76\n", "embedded-path"),
        (b"built 2026-11-23 10:00:01\n", b"built 2026-11-23 10:00:04\n", "embedded-time"),
        (b"stamp = 1763900000.25\n", b"stamp = 1763900003.5\n", "embedded-time"),
        (b"Mon Nov 23 10:00:01\n", b"Mon Nov 24 10:00:02\n", "embedded-time"),
        (b"__version__ = '2026.11.23.7'\n", b"__version__ = '2026.11.23.8'\n", "version-from-clock"),
        (b"x = 1\n", b"x = 1\ny = 2\n", "content"),
        (b"x\n", b"x\r\n", "content"),
        (b"salt = 8f3a\n", b"salt = 11c0\n", "content"),
        (b"\xff\0/home/a/project/x.c\0", b"\xff\0/home/b/project/x.c\0", "embedded-path"),
        (b"\xff\0\1\2", b"\xff\0\3\4", "content"),
    ],
)
def test_cause_from_content(a: bytes, b: bytes, cause: str) -> None:
    assert in_file(a, b).cause == cause


def test_version_line_of_metadata() -> None:
    assert in_file(b"Name: demo\nVersion: 1.1\n", b"Name: demo\nVersion: 1.2\n", "PKG-INFO").cause == Cause.VERSION


def test_bytecode() -> None:
    assert in_file(b"\0\1", b"\0\2", "x.pyc").cause == Cause.BYTECODE


def test_detail_is_bounded_and_printable() -> None:
    found = in_file(b"ok\n" + b"\x1b[31m" + b"a" * 5000, b"ok\n" + b"\x1b[31m" + b"b" * 5000)
    assert found.detail.startswith("line 2: '\\x1b[31maaa")
    assert found.detail.isascii()
    assert found.detail.isprintable()
    assert len(found.detail) <= 400


def test_first_differing_offset() -> None:
    same = b"\xff" * 100_000
    assert in_file(same + b"\1", same + b"\2").detail == "offset 100000 of 100001 and 100001 bytes"


def test_record_is_only_named_when_it_stands_alone() -> None:
    a, b = wheel({"demo/x.py": b"1"}), wheel({"demo/x.py": b"2"})
    assert [member for member, _ in causes(a, b, WHEEL_NAME)] == ["demo/x.py"]
    record = "demo-1.0.dist-info/RECORD"
    assert causes(zip_of({record: b"a,,\n"}), zip_of({record: b"b,,\n"}), WHEEL_NAME) == [(record, "content")]


def test_no_more_than_fifty() -> None:
    files = {str(number): b"1" for number in range(80)}
    assert len(explain(SDIST_NAME, sdist(files), sdist(dict.fromkeys(files, b"2")))) == 50
