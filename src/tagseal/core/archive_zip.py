"""Read a wheel (`.whl`): strict zip (PKWARE APPNOTE 6.3, sections 4.3 and 4.4).

A zip says everything twice, in local headers and in the central directory, and readers choose either. Here the
two must agree, and the entries must lie end to end from the first byte to the central directory, which must be
followed by its end record and nothing else. Zip64 has no use below the size limit and is refused.
"""

from __future__ import annotations

import calendar
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from tagseal.core.archive import (
    ARCHIVE_BOMB,
    ARCHIVE_CONFUSING,
    ARCHIVE_ENCRYPTED,
    ARCHIVE_MALFORMED,
    ARCHIVE_NAME,
    Limits,
    Member,
    check_mode,
    check_names,
    check_path,
)
from tagseal.core.zip_directory import ALL_ONES, ZIP64_EXTRA, Entry, read_directory, read_extras
from tagseal.errors import TagsealError

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_STORED: Final = 0
_DEFLATED: Final = 8
_ENCRYPTED: Final = 0x2041  # bits 0, 6 (strong) and 13 (masked headers)
_DESCRIPTOR: Final = 0x8  # sizes follow the data
_UTF8: Final = 0x800
_KNOWN_FLAGS: Final = 0x6 | _DESCRIPTOR | _UTF8  # bits 1 and 2: the deflate level, a hint
_UNIX: Final = 3
_DOS_FOLDER: Final = 0x10


def read_wheel(data: bytes, limits: Limits | None = None) -> tuple[Member, ...]:
    """Return the files of a wheel, in the central directory's order.

    Raises:
        TagsealError: any `archive-*` code.
    """
    limits = limits or Limits()
    view = memoryview(data)
    start, entries = read_directory(view, limits)
    budget = limits.budget(len(data))
    if sum(entry.size for entry in entries) > budget:
        raise TagsealError(ARCHIVE_BOMB, f"The archive of {len(data)} bytes declares over {budget} bytes of content.")
    members = tuple(member for member in _members(view, entries, start) if member is not None)
    check_names(members)
    return members


def _members(view: memoryview, entries: tuple[Entry, ...], end_at: int) -> Iterator[Member | None]:
    """Yield each entry's member (None for a folder), having checked that the entries fill the file exactly."""
    in_file_order = sorted(entries, key=lambda entry: entry.offset)
    following = [entry.offset for entry in in_file_order[1:]] + [end_at]
    data_at: dict[int, int] = {}
    position = 0
    for entry, next_at in zip(in_file_order, following, strict=False):
        if entry.offset != position:
            raise TagsealError(ARCHIVE_CONFUSING, f"Zip offset {position} is not where an entry starts.")
        data_at[entry.offset] = _local(view, entry, next_at)
        position = next_at
    if not entries and end_at:
        raise TagsealError(ARCHIVE_CONFUSING, "The zip has data but lists no entry.")
    for entry in entries:
        yield _member(view, entry, data_at[entry.offset])


def _local(view: memoryview, entry: Entry, next_at: int) -> int:
    """Compare an entry's local header with the central one; return where its data starts."""
    header_end = entry.offset + _LOCAL.size
    if header_end > next_at:
        raise TagsealError(ARCHIVE_MALFORMED, f"The local header of {entry.raw_name!a} is cut off.")
    fields = _LOCAL.unpack(view[entry.offset : header_end])
    mark, _, flags, method, _, _, crc, packed, size, name_len, extra_len = fields
    data_at: int = header_end + name_len + extra_len
    data_end = data_at + entry.packed
    if mark != b"PK\x03\x04" or data_end > next_at:
        raise TagsealError(ARCHIVE_MALFORMED, f"The local header of {entry.raw_name!a} is damaged.")
    name = bytes(view[header_end : header_end + name_len])
    extras = dict(read_extras(view[header_end + name_len : data_at]))
    if (packed, size) == (ALL_ONES, ALL_ONES) and len(extras.get(ZIP64_EXTRA, b"")) == 16:  # noqa: PLR2004
        size, packed = struct.unpack("<QQ", extras[ZIP64_EXTRA])
    later = bool(entry.flags & _DESCRIPTOR)
    allowed = {(entry.crc, entry.packed, entry.size)} | ({(0, 0, 0)} if later else set())
    if (name, flags, method) != (entry.raw_name, entry.flags, entry.method) or (crc, packed, size) not in allowed:
        raise TagsealError(ARCHIVE_CONFUSING, f"The two headers of {entry.raw_name!a} differ.")
    gap = bytes(view[data_end:next_at])
    if gap not in (_descriptors(entry) if later else (b"",)):
        raise TagsealError(ARCHIVE_CONFUSING, f"Unlisted bytes follow the data of {entry.raw_name!a}.")
    return data_at


def _descriptors(entry: Entry) -> tuple[bytes, ...]:
    """Return the forms a data descriptor may have: with or without its mark, 32 or 64 bits wide."""
    bodies = tuple(struct.pack(form, entry.crc, entry.packed, entry.size) for form in ("<LLL", "<LQQ"))
    return bodies + tuple(b"PK\x07\x08" + body for body in bodies)


def _member(view: memoryview, entry: Entry, data_at: int) -> Member | None:
    path = _name(entry)
    is_folder = path.endswith("/")
    check_path(path.removesuffix("/"))
    if entry.flags & _ENCRYPTED:
        raise TagsealError(ARCHIVE_ENCRYPTED, f"The member {path!a} is encrypted.")
    if entry.flags & ~_KNOWN_FLAGS:
        raise TagsealError(ARCHIVE_CONFUSING, f"The member {path!a} has unknown zip flags {entry.flags:#06x}.")
    mode = entry.attributes >> 16 if entry.system == _UNIX else 0
    check_mode(path, mode)
    data = _unpack(path, entry, view[data_at : data_at + entry.packed])
    if not is_folder and (entry.attributes & _DOS_FOLDER or stat.S_ISDIR(mode)):
        raise TagsealError(ARCHIVE_CONFUSING, f"The member {path!a} is marked as a folder but not named as one.")
    if is_folder:
        if data:
            raise TagsealError(ARCHIVE_CONFUSING, f"The folder {path!a} has content.")
        return None
    return Member(path=path, mode=mode & 0o7777 or 0o644, mtime_s=_time(entry), data=data)


def _name(entry: Entry) -> str:
    try:
        # Without the flag the name is in some code page; only its ASCII part means the same everywhere.
        return entry.raw_name.decode("utf-8" if entry.flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise TagsealError(ARCHIVE_NAME, f"A name in the archive is not UTF-8: {entry.raw_name[:80]!a}.") from error


def _unpack(path: str, entry: Entry, packed: memoryview) -> bytes:
    if entry.method == _STORED:
        data = bytes(packed)
    elif entry.method == _DEFLATED:
        data = _inflate(path, packed, entry.size)
    else:
        raise TagsealError(ARCHIVE_MALFORMED, f"The member {path!a} has the compression method {entry.method}.")
    if len(data) != entry.size or zlib.crc32(data) != entry.crc:
        raise TagsealError(ARCHIVE_MALFORMED, f"The member {path!a} does not have the size and checksum it declares.")
    return data


def _inflate(path: str, packed: memoryview, size: int) -> bytes:
    """Unpack raw deflate data to at most one byte more than declared."""
    unpacker = zlib.decompressobj(-15)
    try:
        data = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise TagsealError(ARCHIVE_MALFORMED, f"The member {path!a} is damaged: {error}.") from error
    if len(data) <= size and (not unpacker.eof or unpacker.unused_data):
        raise TagsealError(ARCHIVE_CONFUSING, f"The compressed data of {path!a} does not end where it should.")
    return data


def _time(entry: Entry) -> int:
    """Return the DOS date and time as if it were UTC; 0 when it is not a date."""
    year, month, day = 1980 + (entry.dos_date >> 9), entry.dos_date >> 5 & 15, entry.dos_date & 31
    hour, minute, second = entry.dos_time >> 11, entry.dos_time >> 5 & 63, (entry.dos_time & 31) * 2
    if not (1 <= month <= 12 and 1 <= day <= 31):  # noqa: PLR2004 - the calendar
        return 0
    return calendar.timegm((year, month, day, hour, minute, second))
