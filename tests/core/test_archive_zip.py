"""The wheel reader: what it accepts, and each hostile or ambiguous form by its code."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from support_archives import wheel, zip_of
from tagseal.core.archive import Limits
from tagseal.core.archive_zip import read_wheel
from tagseal.errors import TagsealError


def code_of(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(TagsealError) as caught:
        read_wheel(data, limits)
    return caught.value.code.id


def patched(data: bytes, old: bytes, new: bytes, *, count: int = -1) -> bytes:
    assert old in data
    return data.replace(old, new, count)


def test_members_keep_path_mode_and_content() -> None:
    members = read_wheel(zip_of({"a/b.py": b"x = 1\n", "ä.txt": b""}, mode=0o100755))
    assert [(m.path, m.mode, m.mtime_s, m.data) for m in members] == [
        ("a/b.py", 0o755, 1_700_000_000, b"x = 1\n"),
        ("ä.txt", 0o755, 1_700_000_000, b""),
    ]


def test_folders_are_checked_and_dropped() -> None:
    assert [member.path for member in read_wheel(zip_of({"a/": b"", "a/b": b"1"}))] == ["a/b"]


def test_stored_members_and_data_descriptors() -> None:
    class OneWay(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError("a pipe has no position")

    out = OneWay()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("stored", b"abc")
        archive.writestr("packed", b"abc" * 100, zipfile.ZIP_DEFLATED)
    assert [(m.path, len(m.data)) for m in read_wheel(out.getvalue())] == [("stored", 3), ("packed", 300)]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../evil.py", "archive-traversal"),
        ("a/../../evil.py", "archive-traversal"),
        ("/evil.py", "archive-absolute"),
        ("C:/evil.py", "archive-absolute"),
        ("a\\..\\evil.py", "archive-traversal"),
        ("a//b", "archive-name"),
        ("a/\x07", "archive-name"),
        ("A.py", "archive-duplicate"),
        ("a.py/b", "archive-duplicate"),
    ],
)
def test_hostile_names(path: str, code: str) -> None:
    assert code_of(zip_of({"a.py": b"", path: b""})) == code


def test_same_name_twice() -> None:
    data = patched(zip_of({"a.py": b"good", "b.py": b"evil"}), b"b.py", b"a.py")
    assert code_of(data) == "archive-duplicate"


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (0o120777, "archive-link"),
        (0o010644, "archive-device"),
        (0o020644, "archive-device"),
        (0o104755, "archive-setuid"),
        (0o040755, "archive-confusing"),
    ],
)
def test_what_is_not_a_file(mode: int, code: str) -> None:
    assert code_of(zip_of({"x": b"target"}, mode=mode)) == code


def test_local_and_central_name_differ() -> None:
    assert code_of(patched(zip_of({"good.py": b"x"}), b"good.py", b"evil.py", count=1)) == "archive-confusing"


def test_local_and_central_size_differ() -> None:
    data = bytearray(zip_of({"a": b"xyz"}))
    struct.pack_into("<L", data, 22, 2)
    assert code_of(bytes(data)) == "archive-confusing"


def test_bytes_before_between_and_after() -> None:
    data = zip_of({"a": b"1", "b": b"2"})
    assert code_of(b"#!/bin/sh\n" + data) == "archive-confusing"
    assert code_of(data + b"\0") == "archive-confusing"
    assert code_of(data + data) == "archive-confusing"


def test_entry_that_the_directory_does_not_list() -> None:
    data = zip_of({"listed": b"1", "hidden": b"2"})
    end = data.rindex(b"PK\x05\x06")
    start = struct.unpack_from("<L", data, end + 16)[0]
    second = data.rindex(b"PK\x01\x02")
    shortened = data[:second] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, second - start, start, 0)
    assert code_of(shortened) == "archive-confusing"


def test_two_end_records() -> None:
    data = zip_of({"a": b"1"})
    with_comment = data[:-2] + struct.pack("<H", 22) + data[-22:]
    assert code_of(with_comment) == "archive-confusing"


def test_zip64_end_record() -> None:
    data = zip_of({"a": b"1"})
    end = len(data) - 22
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 10, 0)
    assert code_of(data[:end] + zip64 + data[end:]) == "archive-confusing"


def test_encrypted_member() -> None:
    data = bytearray(zip_of({"a": b"1"}))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    assert code_of(bytes(data)) == "archive-encrypted"


def test_unknown_flags_and_method() -> None:
    flags, method = bytearray(zip_of({"a": b"1"})), bytearray(zip_of({"a": b"1"}))
    central = flags.rindex(b"PK\x01\x02")
    flags[6] |= 0x20
    flags[central + 8] |= 0x20
    method[8] = method[central + 10] = 12
    assert code_of(bytes(flags)) == "archive-confusing"
    assert code_of(bytes(method)) == "archive-malformed"


def test_wrong_checksum_of_content() -> None:
    data = bytearray(zip_of({"a": b"1"}))
    data[14] ^= 1
    data[data.rindex(b"PK\x01\x02") + 16] ^= 1
    assert code_of(bytes(data)) == "archive-malformed"


def test_name_in_a_code_page() -> None:
    assert code_of(patched(zip_of({"abc": b"1"}), b"abc", b"a\x84c")) == "archive-name"


def test_second_name_in_an_extra_field() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("good.py")
        info.extra = struct.pack("<HHBL", 0x7075, 12, 1, 0) + b"evil.py"
        archive.writestr(info, b"")
    assert code_of(out.getvalue()) == "archive-confusing"


def test_bomb_is_refused_by_what_it_declares() -> None:
    assert code_of(zip_of({"zeros": bytes(40 * 2**20)})) == "archive-bomb"


def test_bomb_that_declares_too_little() -> None:
    data = bytearray(zip_of({"zeros": bytes(40 * 2**20)}))
    struct.pack_into("<L", data, 22, 10)
    struct.pack_into("<L", data, data.rindex(b"PK\x01\x02") + 24, 10)
    assert code_of(bytes(data)) == "archive-malformed"


def test_many_members() -> None:
    assert code_of(wheel(), Limits(members=2)) == "archive-bomb"


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"PK\x05\x06" + bytes(10)])
def test_too_short(data: bytes) -> None:
    assert code_of(data) == "archive-malformed"


def test_entries_that_share_their_data() -> None:
    data = bytearray(zip_of({"a": b"1", "b": b"1"}))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, second + 42, 0)
    assert code_of(bytes(data)) in {"archive-confusing", "archive-malformed"}
