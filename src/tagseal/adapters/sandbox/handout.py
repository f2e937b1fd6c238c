"""Reads the tar stream a sandbox ends with: the outcome, then the collected files. All of it is hostile."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from tagseal.core import canonical, jsonable
from tagseal.errors import TagsealError
from tagseal.ports import SandboxLimits

MAX_FILES: Final = 1000
_OUTCOME_MEMBER: Final = "outcome.json"
_OUTCOME_OVERHEAD_BYTES: Final = 64 * 1024
_JSON_BYTES_PER_LOG_BYTE: Final = 6  # \\u001b
_HEADER_BYTES: Final = 4096  # of one member: its header, an extended one before it, padding
_FLAT_NAME: Final = re.compile(r"\.?[A-Za-z0-9_][A-Za-z0-9._+!~-]{0,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One attempt of the probe; `met` is empty when it was refused."""

    what: str
    met: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the launcher says happened."""

    ended: str
    """As in SandboxOutcome; empty when the job was not started because the probe met something."""
    exit_code: int | None
    milliseconds: int
    log: str
    clock_is_shifted: bool
    probe: tuple[Finding, ...]
    files: tuple[str, ...]
    """The names of the members that follow, in order."""


class BrokenStreamError(Exception):
    """The sandbox ended before it said everything, or said something it may not."""


class _Limited:
    """A reader that refuses to go beyond a number of bytes."""

    def __init__(self, stream: BinaryIO, limit_bytes: int) -> None:
        self._stream, self._left = stream, limit_bytes

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise BrokenStreamError("it is longer than the sandbox may write")
        return data


def receive(stream: BinaryIO, limits: SandboxLimits, dest: Path) -> Outcome:
    """Read the outcome and put the collected files into `dest` (made if missing), each by rename, all or none.

    Raises:
        BrokenStreamError: the stream is cut off, too long or not of the agreed form; `dest` is untouched.
    """
    log_bytes = limits.log_bytes * _JSON_BYTES_PER_LOG_BYTE + _OUTCOME_OVERHEAD_BYTES
    bound = log_bytes + limits.output_bytes + (MAX_FILES + 2) * _HEADER_BYTES
    dest.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".sandbox-", dir=dest.parent))
    try:
        with tarfile.open(fileobj=_Limited(stream, bound), mode="r|", bufsize=1 << 16) as archive:  # type: ignore[call-overload]
            outcome = _outcome(archive, log_bytes)
            names = _files(archive, staging, limits.output_bytes)
        if tuple(names) != outcome.files:
            raise BrokenStreamError("it was cut off, or holds files that its outcome does not name")
        dest.mkdir(exist_ok=True)
        for name in names:
            (staging / name).replace(dest / name)
    except (tarfile.TarError, TagsealError, ValueError, OverflowError) as error:
        raise BrokenStreamError(str(error)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return outcome


def _outcome(archive: tarfile.TarFile, limit_bytes: int) -> Outcome:
    first = archive.next()
    content = archive.extractfile(first) if first is not None and first.name == _OUTCOME_MEMBER else None
    if first is None or content is None or first.size > limit_bytes:
        raise BrokenStreamError("it does not begin with the outcome")
    return jsonable.decode(Outcome, canonical.parse(content.read(), max_bytes=limit_bytes))


def _files(archive: tarfile.TarFile, folder: Path, limit_bytes: int) -> list[str]:
    names: list[str] = []
    total = 0
    for member in iter(archive.next, None):
        total += member.size
        content = archive.extractfile(member) if member.isreg() else None
        if content is None or not _FLAT_NAME.fullmatch(member.name) or member.name in names:
            raise BrokenStreamError(f"it holds {member.name[:200]!r}, which is not a plain file with a plain name")
        if total > limit_bytes or len(names) >= MAX_FILES:
            raise BrokenStreamError("it holds more than the sandbox may hand out")
        with (folder / member.name).open("xb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        names.append(member.name)
    return names
