"""The sdist reader: what it accepts, and each hostile or ambiguous form by its code."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile

import pytest

from support_archives import sdist, tar_file, tar_gz
from tagseal.core.archive import Limits
from tagseal.core.archive_tar import read_sdist
from tagseal.errors import TagsealError

NAME = "demo-1.0.tar.gz"


def code_of(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(TagsealError) as caught:
        read_sdist(NAME, data, limits)
    return caught.value.code.id


def one(path: str, *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, link: str = "") -> bytes:
    return tar_gz([(tar_file("demo-1.0/ok"), b"ok"), (tar_file(path, kind=kind, mode=mode, link=link), b"")])


def raw_tar(data: bytes) -> bytes:
    return gzip.decompress(data)


def test_members_keep_path_mode_and_content() -> None:
    members = read_sdist(NAME, tar_gz([(tar_file("demo-1.0/run.sh", mode=0o755), b"#!/bin/sh\n")]))
    assert [(m.path, m.mode, m.is_executable, m.data) for m in members] == [
        ("demo-1.0/run.sh", 0o755, True, b"#!/bin/sh\n")
    ]


def test_folders_are_checked_and_dropped() -> None:
    members = read_sdist(NAME, one("demo-1.0/docs", kind=tarfile.DIRTYPE, mode=0o2775))
    assert [member.path for member in members] == ["demo-1.0/ok"]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_in_both_dialects(form: int) -> None:
    path = "demo-1.0/" + "ä" * 60 + "/" + "x" * 120
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=form) as archive:
        info = tar_file(path)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    assert [(m.path, m.data) for m in read_sdist(NAME, out.getvalue())] == [(path, b"abc")]


def test_git_archive_global_comment_is_accepted() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": "c" * 40}) as tar:
        tar.addfile(tar_file("demo-1.0/x"))
    assert len(read_sdist(NAME, out.getvalue())) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("demo-1.0/../../etc/passwd", "archive-traversal"),
        ("..", "archive-traversal"),
        ("demo-1.0/a\\..\\b", "archive-traversal"),
        ("/etc/passwd", "archive-absolute"),
        ("C:/Windows/x", "archive-absolute"),
        ("c:x", "archive-absolute"),
        ("\\\\host\\share", "archive-absolute"),
        ("demo-1.0/a\\b", "archive-name"),
        ("demo-1.0//x", "archive-name"),
        ("./demo-1.0/x", "archive-name"),
        ("demo-1.0/a\nb", "archive-name"),
        ("demo-1.0/a\x1b[2Jb", "archive-name"),
        ("demo-1.0/gpj\u202efdp.py", "archive-name"),
        ("demo-1.0/" + "x" * 1100, "archive-name"),
        ("other-1.0/x", "archive-wrong-folder"),
        ("demo-1.0", "archive-wrong-folder"),
        ("demo-1.0/ok", "archive-duplicate"),
        ("demo-1.0/OK", "archive-duplicate"),
        ("demo-1.0/ok/inner", "archive-duplicate"),
    ],
)
def test_hostile_names(path: str, code: str) -> None:
    assert code_of(one(path)) == code


def test_names_equal_after_unicode_normalisation() -> None:
    data = tar_gz([(tar_file("demo-1.0/\u00e9"), b""), (tar_file("demo-1.0/e\u0301"), b"")])
    assert code_of(data) == "archive-duplicate"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (tarfile.SYMTYPE, "archive-link"),
        (tarfile.LNKTYPE, "archive-link"),
        (tarfile.FIFOTYPE, "archive-device"),
        (tarfile.CHRTYPE, "archive-device"),
        (tarfile.BLKTYPE, "archive-device"),
        (b"S", "archive-confusing"),
        (b"7", "archive-confusing"),
    ],
)
def test_what_is_not_a_file(kind: bytes, code: str) -> None:
    assert code_of(one("demo-1.0/x", kind=kind, link="ok")) == code


def test_link_with_a_long_target() -> None:
    assert code_of(one("demo-1.0/x", kind=tarfile.SYMTYPE, link="y" * 200)) == "archive-link"


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
def test_setuid_and_setgid(mode: int) -> None:
    assert code_of(one("demo-1.0/x", mode=mode)) == "archive-setuid"


def test_name_that_is_not_utf8() -> None:
    tar = bytearray(raw_tar(sdist({"x": b""})))
    tar[0:10] = b"demo-1.0/\xff"
    tar[148:156] = b" " * 8
    tar[148:156] = f"{sum(tar[:512]):06o}\0 ".encode()
    assert code_of(gzip.compress(bytes(tar))) == "archive-name"


def test_empty_archive() -> None:
    assert code_of(tar_gz([])) == "archive-wrong-folder"


def test_not_gzip() -> None:
    assert code_of(b"PK\x03\x04") == "archive-malformed"
    assert code_of(b"") == "archive-malformed"


def test_cut_off_gzip() -> None:
    assert code_of(sdist()[:-20]) == "archive-malformed"


def test_wrong_gzip_checksum() -> None:
    data = bytearray(sdist())
    data[-8] ^= 1
    assert code_of(bytes(data)) == "archive-malformed"


def test_bytes_after_the_gzip_stream() -> None:
    assert code_of(sdist() + b"\0") == "archive-confusing"


def test_second_gzip_member() -> None:
    assert code_of(sdist() + sdist()) == "archive-confusing"


def test_cut_off_tar() -> None:
    assert code_of(gzip.compress(raw_tar(sdist())[:700])) == "archive-malformed"


def test_tar_without_its_end() -> None:
    tar = raw_tar(sdist({"x": b""}))[:512]
    assert code_of(gzip.compress(tar)) == "archive-malformed"
    assert code_of(gzip.compress(tar + bytes(512))) == "archive-malformed"


def test_second_archive_behind_the_end() -> None:
    tar = raw_tar(sdist())
    assert code_of(gzip.compress(tar + tar)) == "archive-confusing"


def test_wrong_header_checksum() -> None:
    tar = bytearray(raw_tar(sdist()))
    tar[100] ^= 1
    assert code_of(gzip.compress(bytes(tar))) == "archive-malformed"


def test_content_hidden_in_padding() -> None:
    tar = bytearray(raw_tar(sdist({"x": b"abc"})))
    tar[512 + 3] = ord("!")
    assert code_of(gzip.compress(bytes(tar))) == "archive-confusing"


def with_pax(headers: dict[str, str], *, globally: bool = False) -> bytes:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers if globally else {}
    ) as tar:
        info = tar_file("demo-1.0/x")
        info.pax_headers = {} if globally else headers
        tar.addfile(info)
    return out.getvalue()


def test_global_header_that_renames_everything() -> None:
    assert code_of(with_pax({"path": "demo-1.0/evil"}, globally=True)) == "archive-confusing"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"path": "../x"}, "archive-traversal"),
        ({"linkpath": "/etc/passwd"}, "archive-link"),
        ({"GNU.sparse.major": "1"}, "archive-confusing"),
        ({"size": "-1"}, "archive-malformed"),
        ({"size": "9" * 18}, "archive-malformed"),
    ],
)
def test_hostile_pax_headers(headers: dict[str, str], code: str) -> None:
    assert code_of(with_pax(headers)) == code


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    data = tar_gz([(tar_file("demo-1.0/zeros"), bytes(40 * 2**20))])
    assert len(data) < 100_000
    assert code_of(data) == "archive-bomb"


def test_limits_on_size_and_members() -> None:
    assert code_of(sdist(), Limits(total_bytes=1000)) == "archive-bomb"
    assert code_of(sdist(), Limits(members=2)) == "archive-bomb"


def test_huge_extended_header() -> None:
    assert code_of(with_pax({"comment": "x" * 70_000})) == "archive-bomb"


def test_size_that_reaches_past_the_end() -> None:
    tar = bytearray(raw_tar(sdist({"x": b""})))
    tar[124:136] = b"77777777777\0"
    tar[148:156] = b" " * 8
    tar[148:156] = f"{sum(tar[:512]):06o}\0 ".encode()
    assert code_of(gzip.compress(bytes(tar))) == "archive-malformed"


def test_base_256_size() -> None:
    tar = bytearray(raw_tar(sdist({"x": b""})))
    tar[124:136] = b"\x80\0\0\0" + struct.pack(">Q", 2**40)
    tar[148:156] = b" " * 8
    tar[148:156] = f"{sum(tar[:512]):06o}\0 ".encode()
    assert code_of(gzip.compress(bytes(tar))) == "archive-malformed"
