"""Write an sdist or wheel anew so that its bytes depend on nothing but its content and one time.

What build backends leave behind and this removes is in docs/explanation/reproducible-builds.md. The same zlib
gives the same bytes on every supported Python; with another zlib the content digest still agrees.
"""

from __future__ import annotations

import io
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tagseal.core.archive import Limits, Member
from tagseal.core.artifacts import by_path, content_digest, kind_of, read_artifact
from tagseal.core.wheel_record import check_record, dist_info, write_record

_LEVEL: Final = 6
_DOS_FIRST_S: Final = 315_532_800  # 1980-01-01
_DOS_LAST_S: Final = 4_354_819_198  # 2107-12-31 23:59:58
_TAR_RECORD: Final = 10_240  # tar pads its end to a whole record (POSIX.1-2001, pax)
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"  # no name, no time, system unknown (RFC 1952)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repacked:
    """A normalised archive."""

    data: bytes
    content_digest: str
    """`sha256:<hex>`; see `artifacts.content_digest`."""


def repack(name: str, data: bytes, *, epoch_s: int, limits: Limits | None = None) -> Repacked:
    """Return the archive called `name` in its one normal form; `epoch_s` becomes every member's time.

    A wheel's RECORD must be true and is written anew. Repacking a repacked archive changes nothing.

    Raises:
        TagsealError: `artifact-name-invalid`, any `archive-*` code, `wheel-layout`, `wheel-record-untrue`.
    """
    members: Sequence[Member] = read_artifact(name, data, limits)
    if kind_of(name) == "sdist":
        members = sorted(members, key=by_path)
        return Repacked(data=_tar_gz(members, epoch_s), content_digest=content_digest(members))
    check_record(name, members)
    members = _with_new_record(dist_info(name, members), members)
    return Repacked(data=_zip(members, epoch_s), content_digest=content_digest(members))


def _with_new_record(folder: str, members: Sequence[Member]) -> tuple[Member, ...]:
    """Return the members in order, dist-info last (as PEP 427 recommends) and the new RECORD at the very end."""
    path = f"{folder}/RECORD"
    rest = [member for member in members if member.path != path]
    rest.sort(key=lambda member: (member.path.startswith(f"{folder}/"), by_path(member)))
    return (*rest, Member(path=path, mode=0o644, mtime_s=0, data=write_record(path, rest)))


def _permissions(member: Member) -> int:
    return 0o755 if member.is_executable else 0o644


def _tar_gz(members: Iterable[Member], epoch_s: int) -> bytes:
    """Compress member by member: a big archive is never held twice uncompressed."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15, 8)
    out = bytearray(_GZIP_HEADER)
    crc = size = 0
    for block in _tar_blocks(members, epoch_s):
        crc = zlib.crc32(block, crc)
        size += len(block)
        out += packer.compress(block)
    out += packer.flush()
    out += struct.pack("<LL", crc, size & 0xFFFFFFFF)
    return bytes(out)


def _tar_blocks(members: Iterable[Member], epoch_s: int) -> Iterable[bytes]:
    written = 0
    for member in members:
        info = tarfile.TarInfo(member.path)
        info.mtime, info.mode, info.size = epoch_s, _permissions(member), len(member.data)
        header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
        padding = bytes(-len(member.data) % tarfile.BLOCKSIZE)
        written += len(header) + len(member.data) + len(padding)
        yield from (header, member.data, padding)
    end = 2 * tarfile.BLOCKSIZE
    yield bytes(end + -(written + end) % _TAR_RECORD)


def _zip(members: Iterable[Member], epoch_s: int) -> bytes:
    moment = time.gmtime(min(max(epoch_s, _DOS_FIRST_S), _DOS_LAST_S))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member in members:
            info = zipfile.ZipInfo(member.path, (*moment[:5], moment.tm_sec // 2 * 2))  # DOS counts in two seconds
            info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100000 | _permissions(member)) << 16
            archive.writestr(info, member.data, compresslevel=_LEVEL)
    return out.getvalue()
