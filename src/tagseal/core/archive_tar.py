"""Read an sdist (`.tar.gz`): strict gzip (RFC 1952, one member) and strict tar (POSIX.1-2001 pax, ustar, GNU names).

The standard library's reader stops silently at a damaged header and skips what follows; this one refuses.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tagseal.core.archive import (
    ARCHIVE_BOMB,
    ARCHIVE_CONFUSING,
    ARCHIVE_DEVICE,
    ARCHIVE_LINK,
    ARCHIVE_MALFORMED,
    ARCHIVE_NAME,
    ARCHIVE_WRONG_FOLDER,
    Limits,
    Member,
    check_mode,
    check_names,
    check_path,
)
from tagseal.errors import TagsealError

_BLOCK: Final = 512
_CHUNK: Final = 2**20
_GZIP: Final = 31  # zlib's window bits for "gzip header and trailer, both checked"
_MAX_HEADER_BYTES: Final = 64 * 2**10  # a pax header or GNU long name
_FILE_TYPES: Final = frozenset(b"0\0")  # NUL: a file in the oldest dialect
_LINK_TYPES: Final = frozenset(b"12")
_DEVICE_TYPES: Final = frozenset(b"346")
_IGNORED_KEYS: Final = frozenset({"atime", "ctime", "uid", "gid", "uname", "gname", "comment", "mtime"})


def read_sdist(name: str, data: bytes, limits: Limits | None = None) -> tuple[Member, ...]:
    """Return the files of the sdist called `name`, in the archive's order.

    Raises:
        TagsealError: any `archive-*` code.
    """
    if not data.startswith(b"\x1f\x8b\x08"):
        raise TagsealError(ARCHIVE_MALFORMED, "The sdist is not a gzip file.")
    limits = limits or Limits()
    tar = gunzip(data, limits.budget(len(data)))
    members = tuple(_Reader(tar=memoryview(tar), limits=limits).members())
    top = name.removesuffix(".tar.gz")
    for member in members:
        if not member.path.startswith(f"{top}/"):
            raise TagsealError(ARCHIVE_WRONG_FOLDER, f"The sdist has {member.path!a} outside its folder {top!a}.")
    if not members:
        raise TagsealError(ARCHIVE_WRONG_FOLDER, f"The sdist holds no file in its folder {top!a}.")
    check_names(members)
    return members


def gunzip(data: bytes, budget_bytes: int) -> bytearray:
    """Unpack one gzip member, never more than `budget_bytes`, and insist that it is all there is.

    Raises:
        TagsealError: `archive-malformed`, `archive-bomb`, `archive-confusing`.
    """
    unpacker = zlib.decompressobj(_GZIP)
    out = bytearray()
    rest: bytes = data
    try:
        while rest and not unpacker.eof:
            out += unpacker.decompress(rest, _CHUNK)
            rest = unpacker.unconsumed_tail
            if len(out) > budget_bytes:
                raise TagsealError(ARCHIVE_BOMB, f"The archive of {len(data)} bytes unpacks to over {budget_bytes}.")
    except zlib.error as error:
        raise TagsealError(ARCHIVE_MALFORMED, f"The gzip stream is damaged: {error}.") from error
    if not unpacker.eof:
        raise TagsealError(ARCHIVE_MALFORMED, "The gzip stream is cut off.")
    if unpacker.unused_data:
        raise TagsealError(ARCHIVE_CONFUSING, f"{len(unpacker.unused_data)} bytes follow the end of the gzip stream.")
    return out


@dataclass(slots=True)
class _Reader:
    """One walk over a tar: a position, and what extended headers said about the next member."""

    tar: memoryview
    limits: Limits
    offset: int = 0
    next_path: str | None = None
    next_size: int | None = None
    seen: int = field(default=0)

    def members(self) -> Iterator[Member]:
        """Yield the regular files; check everything else."""
        while True:
            header = self._take(_BLOCK)
            if not any(header):
                self._end()
                return
            member = self._entry(bytes(header))
            if member is not None:
                yield member

    def _take(self, size: int) -> memoryview:
        end = self.offset + size
        if end > len(self.tar):
            raise TagsealError(ARCHIVE_MALFORMED, "The tar archive is cut off.")
        view = self.tar[self.offset : end]
        self.offset = end
        return view

    def _body(self, size: int) -> bytes:
        body = bytes(self._take(size))
        padding = self._take(-size % _BLOCK)
        if any(padding):
            raise TagsealError(ARCHIVE_CONFUSING, f"The padding before tar offset {self.offset} is not empty.")
        return body

    def _end(self) -> None:
        """After the first empty block there must be a second one, and nothing but zeros."""
        rest = self.tar[self.offset :]
        if len(rest) < _BLOCK or len(rest) % _BLOCK:
            raise TagsealError(ARCHIVE_MALFORMED, "The tar archive does not end with two empty blocks.")
        if bytes(rest).strip(b"\0"):
            raise TagsealError(ARCHIVE_CONFUSING, "Data follows the end of the tar archive.")
        if self.next_path is not None or self.next_size is not None:
            raise TagsealError(ARCHIVE_MALFORMED, "The tar archive ends after an extended header.")

    def _entry(self, header: bytes) -> Member | None:
        self.seen += 1
        if self.seen > self.limits.members:
            raise TagsealError(ARCHIVE_BOMB, f"The archive has more than {self.limits.members} members.")
        _check_sum(header)
        kind, size = header[156], _number(header[124:136], "size")
        if kind in b"xgL":
            self._extended(kind, size)
            return None
        path = self.next_path if self.next_path is not None else _header_path(header)
        size = self.next_size if self.next_size is not None else size
        self.next_path = self.next_size = None
        is_folder = kind == ord("5") or (path.endswith("/") and kind in _FILE_TYPES)
        check_path(path.removesuffix("/") if is_folder else path)
        _check_kind(kind, path)
        body = self._body(size)
        if is_folder:
            if body:
                raise TagsealError(ARCHIVE_CONFUSING, f"The folder {path!a} has content.")
            return None
        mode = _number(header[100:108], "mode") & 0o7777
        check_mode(path, mode)
        return Member(path=path, mode=mode, mtime_s=_number(header[136:148], "mtime"), data=body)

    def _extended(self, kind: int, size: int) -> None:
        if size > _MAX_HEADER_BYTES:
            raise TagsealError(ARCHIVE_BOMB, f"An extended tar header is {size} bytes long.")
        body = self._body(size)
        if kind == ord("L"):
            self._set_path(_text(body.removesuffix(b"\0")))
            return
        for key, value in _pax_records(body):
            if kind == ord("g"):
                if key != "comment":
                    raise TagsealError(ARCHIVE_CONFUSING, f"A global pax header sets {key!a} for all members.")
            elif key == "path":
                self._set_path(value)
            elif key == "size":
                self.next_size = _decimal(value)
            elif key == "linkpath":
                raise TagsealError(ARCHIVE_LINK, f"The archive has a link to {value!a}.")
            elif key not in _IGNORED_KEYS and not key.startswith(("SCHILY.", "LIBARCHIVE.")):
                raise TagsealError(ARCHIVE_CONFUSING, f"A pax header has the unknown key {key!a}.")

    def _set_path(self, path: str) -> None:
        if self.next_path is not None:
            raise TagsealError(ARCHIVE_CONFUSING, f"Two extended headers name one member: {path!a}.")
        self.next_path = path


def _check_kind(kind: int, path: str) -> None:
    if kind in _LINK_TYPES or kind == ord("K"):
        raise TagsealError(ARCHIVE_LINK, f"The archive has a link: {path!a}.")
    if kind in _DEVICE_TYPES:
        raise TagsealError(ARCHIVE_DEVICE, f"The archive has a device or pipe: {path!a}.")
    if kind not in _FILE_TYPES and kind != ord("5"):
        raise TagsealError(ARCHIVE_CONFUSING, f"The archive has a member of the unknown type {chr(kind)!a}: {path!a}.")


def _check_sum(header: bytes) -> None:
    """The header's checksum counts its own field as eight spaces."""
    total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if _number(header[148:156], "checksum") != total:
        raise TagsealError(ARCHIVE_MALFORMED, "A tar header's checksum is wrong.")


def _number(raw: bytes, name: str) -> int:
    """Read octal text; the base-256 form, which only giants need, is refused."""
    text = raw.rstrip(b"\0 ").lstrip(b" ")
    if not text:
        return 0
    if any(byte not in b"01234567" for byte in text):
        raise TagsealError(ARCHIVE_MALFORMED, f"A tar header's {name} is not an octal number.")
    return int(text, 8)


def _decimal(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 20):  # noqa: PLR2004 - digits of 2**64
        raise TagsealError(ARCHIVE_MALFORMED, f"A pax header's size is not a number: {value!a}.")
    return int(value)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TagsealError(ARCHIVE_NAME, f"A name in the archive is not UTF-8: {raw[:80]!a}.") from error


def _header_path(header: bytes) -> str:
    name = _text(header[:100].split(b"\0", 1)[0])
    is_ustar = header[257:263] == b"ustar\0"  # GNU's magic differs; it keeps other things in the prefix field
    prefix = _text(header[345:500].split(b"\0", 1)[0]) if is_ustar else ""
    return f"{prefix}/{name}" if prefix else name


def _pax_records(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the `<length> <key>=<value>` records of a pax header (POSIX.1-2001, pax, "Extended Header")."""
    while body:
        digits, space, _ = body[:20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = body[len(digits) + 1 : length]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not (space and equals and key and record.endswith(b"\n") and length <= len(body)):
            raise TagsealError(ARCHIVE_MALFORMED, "A pax header is damaged.")
        name = _text(key)
        # Values that name nothing may hold any bytes (Apple's and libarchive's extended attributes do).
        yield name, _text(value) if name in {"path", "size", "linkpath"} else ""
        body = body[length:]
