"""Read an sdist (`.tar.gz`): strict gzip (RFC 1952, one member) and strict tar (POSIX.1-2001 pax, ustar, GNU names).

The standard library's reader stops silently at a damaged header and skips what follows; this one refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tagseal.core.archive import (
    ARCHIVE_BOMB,
    ARCHIVE_CONFUSING,
    ARCHIVE_DEVICE,
    ARCHIVE_LINK,
    ARCHIVE_MALFORMED,
    ARCHIVE_WRONG_FOLDER,
    Limits,
    Member,
    check_mode,
    check_names,
    check_path,
)
from tagseal.core.gzip_stream import gunzip
from tagseal.core.tar_header import check_sum, header_path, pax_records, read_decimal, read_number, read_text
from tagseal.errors import TagsealError

_BLOCK: Final = 512
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
        check_sum(header)
        kind, size = header[156], read_number(header[124:136], "size")
        if kind in b"xgL":
            self._extended(kind, size)
            return None
        path = self.next_path if self.next_path is not None else header_path(header)
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
        mode = read_number(header[100:108], "mode") & 0o7777
        check_mode(path, mode)
        return Member(path=path, mode=mode, mtime_s=read_number(header[136:148], "mtime"), data=body)

    def _extended(self, kind: int, size: int) -> None:
        if size > _MAX_HEADER_BYTES:
            raise TagsealError(ARCHIVE_BOMB, f"An extended tar header is {size} bytes long.")
        body = self._body(size)
        if kind == ord("L"):
            self._set_path(read_text(body.removesuffix(b"\0")))
            return
        for key, value in pax_records(body):
            if kind == ord("g"):
                if key != "comment":
                    raise TagsealError(ARCHIVE_CONFUSING, f"A global pax header sets {key!a} for all members.")
            elif key == "path":
                self._set_path(value)
            elif key == "size":
                self.next_size = read_decimal(value)
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
