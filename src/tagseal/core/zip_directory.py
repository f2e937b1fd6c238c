"""The central directory of a zip and its end record (PKWARE APPNOTE 6.3, sections 4.3.12 and 4.3.16)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tagseal.core.archive import ARCHIVE_BOMB, ARCHIVE_CONFUSING, ARCHIVE_MALFORMED, Limits
from tagseal.errors import TagsealError

ZIP64_EXTRA: Final = 1
"""Id of the extra field that holds 64-bit sizes."""
ALL_ONES: Final = 0xFFFFFFFF
"""A 32-bit size or offset that says: look into the Zip64 field."""

_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_UNICODE_PATH_EXTRA: Final = 0x7075


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the central directory; sizes in bytes, `offset` of its local header."""

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


def read_directory(view: memoryview, limits: Limits) -> tuple[int, tuple[Entry, ...]]:
    """Return where the central directory starts, and its entries.

    Raises:
        TagsealError: `archive-malformed`, `archive-confusing`, `archive-bomb`.
    """
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


def _central(view: memoryview, offset: int, end_at: int) -> tuple[Entry, int]:
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
    if ALL_ONES in {packed, size, local} or ZIP64_EXTRA in dict(read_extras(view[extra_at : extra_at + extra_len])):
        raise TagsealError(ARCHIVE_CONFUSING, "The zip uses Zip64, which no wheel of an allowed size needs.")
    entry = Entry(
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


def read_extras(view: memoryview) -> Iterator[tuple[int, bytes]]:
    """Yield (id, content) of an extra field; a path hidden in one is refused. Raises: archive-malformed, -confusing."""
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
