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
from dataclasses import dataclass
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
from tagseal.errors import TagsealError

_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_STORED: Final = 0
_DEFLATED: Final = 8
_ENCRYPTED: Final = 0x2041  # bits 0, 6 (strong) and 13 (masked headers)
_DESCRIPTOR: Final = 0x8  # sizes follow the data
_UTF8: Final = 0x800
_KNOWN_FLAGS: Final = 0x6 | _DESCRIPTOR | _UTF8  # bits 1 and 2: the deflate level, a hint
_UNIX: Final = 3
_DOS_FOLDER: Final = 0x10
_ZIP64_EXTRA: Final = 1
_UNICODE_PATH_EXTRA: Final = 0x7075
_ALL_ONES: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One line of the central directory."""

    raw_name: bytes
    system: int
    flags: int
    method: int
    dos_time: int
    dos_date: int
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int


def read_wheel(data: bytes, limits: Limits | None = None) -> tuple[Member, ...]:
    """Return the files of a wheel, in the central directory's order.

    Raises:
        TagsealError: any `archive-*` code.
    """
    limits = limits or Limits()
    view = memoryview(data)
    start, entries = _directory(view, limits)
    budget = limits.budget(len(data))
    if sum(entry.size for entry in entries) > budget:
        raise TagsealError(ARCHIVE_BOMB, f"The archive of {len(data)} bytes declares over {budget} bytes of content.")
    members = tuple(member for member in _members(view, entries, start) if member is not None)
    check_names(members)
    return members


def _directory(view: memoryview, limits: Limits) -> tuple[int, tuple[_Entry, ...]]:
    """Return where the central directory starts, and its entries."""
    end_at = len(view) - _END.size
    if end_at < 0:
        raise TagsealError(ARCHIVE_MALFORMED, "The wheel is too short for a zip file.")
    mark, disk, first_disk, here, total, size, start, comment = _END.unpack(view[end_at:])
    if mark != b"PK\x05\x06" or comment:
        raise TagsealError(ARCHIVE_CONFUSING, "The wheel does not end with the end record of a zip file.")
    if disk or first_disk or here != total or start + size != end_at:
        raise TagsealError(ARCHIVE_CONFUSING, "The zip's end record does not fit its central directory.")
    if total > limits.members:
        raise TagsealError(ARCHIVE_BOMB, f"The archive has more than {limits.members} members.")
    entries = []
    offset = start
    for _ in range(total):
        entry, offset = _central(view, offset, end_at)
        entries.append(entry)
    if offset != end_at:
        raise TagsealError(ARCHIVE_CONFUSING, "The zip's central directory holds more than its end record says.")
    return start, tuple(entries)


def _central(view: memoryview, offset: int, end_at: int) -> tuple[_Entry, int]:
    if offset + _CENTRAL.size > end_at:
        raise TagsealError(ARCHIVE_MALFORMED, "The zip's central directory is cut off.")
    fields = _CENTRAL.unpack(view[offset : offset + _CENTRAL.size])
    (mark, made_by, _, flags, method, dos_time, dos_date, crc, packed, size) = fields[:10]
    (name_len, extra_len, comment_len, disk, _, attributes, local) = fields[10:]
    name_at = offset + _CENTRAL.size
    extra_at = name_at + name_len
    after = extra_at + extra_len + comment_len
    if mark != b"PK\x01\x02" or after > end_at or disk:
        raise TagsealError(ARCHIVE_MALFORMED, "The zip's central directory is damaged.")
    if _ALL_ONES in {packed, size, local} or _ZIP64_EXTRA in dict(_extras(view[extra_at : extra_at + extra_len])):
        raise TagsealError(ARCHIVE_CONFUSING, "The zip uses Zip64, which no wheel of an allowed size needs.")
    entry = _Entry(
        raw_name=bytes(view[name_at:extra_at]),
        system=made_by >> 8,
        flags=flags,
        method=method,
        dos_time=dos_time,
        dos_date=dos_date,
        crc=crc,
        packed=packed,
        size=size,
        attributes=attributes,
        offset=local,
    )
    return entry, after


def _extras(view: memoryview) -> Iterator[tuple[int, bytes]]:
    """Yield (id, content) of an extra field; a path hidden in one is refused."""
    offset = 0
    while offset < len(view):
        if offset + 4 > len(view):
            raise TagsealError(ARCHIVE_MALFORMED, "A zip extra field is damaged.")
        kind, length = struct.unpack("<HH", view[offset : offset + 4])
        offset += 4
        if offset + length > len(view):
            raise TagsealError(ARCHIVE_MALFORMED, "A zip extra field is damaged.")
        if kind == _UNICODE_PATH_EXTRA:
            raise TagsealError(ARCHIVE_CONFUSING, "A zip entry has a second name in an extra field.")
        yield kind, bytes(view[offset : offset + length])
        offset += length


def _members(view: memoryview, entries: tuple[_Entry, ...], end_at: int) -> Iterator[Member | None]:
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


def _local(view: memoryview, entry: _Entry, next_at: int) -> int:
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
    extras = dict(_extras(view[header_end + name_len : data_at]))
    if (packed, size) == (_ALL_ONES, _ALL_ONES) and len(extras.get(_ZIP64_EXTRA, b"")) == 16:  # noqa: PLR2004
        size, packed = struct.unpack("<QQ", extras[_ZIP64_EXTRA])
    later = bool(entry.flags & _DESCRIPTOR)
    allowed = {(entry.crc, entry.packed, entry.size)} | ({(0, 0, 0)} if later else set())
    if (name, flags, method) != (entry.raw_name, entry.flags, entry.method) or (crc, packed, size) not in allowed:
        raise TagsealError(ARCHIVE_CONFUSING, f"The two headers of {entry.raw_name!a} differ.")
    gap = bytes(view[data_end:next_at])
    if gap not in (_descriptors(entry) if later else (b"",)):
        raise TagsealError(ARCHIVE_CONFUSING, f"Unlisted bytes follow the data of {entry.raw_name!a}.")
    return data_at


def _descriptors(entry: _Entry) -> tuple[bytes, ...]:
    """Return the forms a data descriptor may have: with or without its mark, 32 or 64 bits wide."""
    bodies = tuple(struct.pack(form, entry.crc, entry.packed, entry.size) for form in ("<LLL", "<LQQ"))
    return bodies + tuple(b"PK\x07\x08" + body for body in bodies)


def _member(view: memoryview, entry: _Entry, data_at: int) -> Member | None:
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


def _name(entry: _Entry) -> str:
    try:
        # Without the flag the name is in some code page; only its ASCII part means the same everywhere.
        return entry.raw_name.decode("utf-8" if entry.flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise TagsealError(ARCHIVE_NAME, f"A name in the archive is not UTF-8: {entry.raw_name[:80]!a}.") from error


def _unpack(path: str, entry: _Entry, packed: memoryview) -> bytes:
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


def _time(entry: _Entry) -> int:
    """Return the DOS date and time as if it were UTC; 0 when it is not a date."""
    year, month, day = 1980 + (entry.dos_date >> 9), entry.dos_date >> 5 & 15, entry.dos_date & 31
    hour, minute, second = entry.dos_time >> 11, entry.dos_time >> 5 & 63, (entry.dos_time & 31) * 2
    if not (1 <= month <= 12 and 1 <= day <= 31):  # noqa: PLR2004 - the calendar
        return 0
    return calendar.timegm((year, month, day, hour, minute, second))
