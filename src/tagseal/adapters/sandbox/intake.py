"""Writes the tar stream a sandbox starts from: the job, then its input files."""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import SandboxInput, SandboxJob

SANDBOX_INPUT_UNREADABLE: Final = Code(
    id="sandbox-input-unreadable",
    exit_code=ExitCode.USAGE,
    why="A build that silently misses one of its inputs is not the build that was asked for.",
    fix="Make the named file readable for this user, or leave sockets, devices and pipes out of the folder.",
)

FIXED_ROOT: Final = "/build"
_MENTION: Final = re.compile(r"(?<![\w.~/-])/build(?![\w.~-])")
_JOB_MEMBER: Final = "job.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the launcher must know of the sandbox it finds itself in."""

    root: str
    """The scratch space: `/build`, or another folder where nothing can be mounted there."""
    uid: int
    """The job's user and group."""
    is_alone: bool
    """The launcher is process 1 of its own process namespace."""
    is_mount: bool
    """`root` is a mount of limited size of its own."""
    tolerated: tuple[str, ...]
    """Probe attempts that may succeed without the job being refused."""
    limits_processes: bool
    """Whether the process limit counts this sandbox alone."""

    def path(self, inside: str) -> str:
        """Return where `inside` (below `/build`) is in this sandbox."""
        return inside.replace(FIXED_ROOT, self.root, 1) if _is_below_root(inside) else inside

    def text(self, value: str) -> str:
        """Return `value` with every path at or below `/build` moved to this sandbox's root.

        A file or folder whose name only begins or ends like it stays as it is.
        """
        return value if self.root == FIXED_ROOT else _MENTION.sub(lambda _: self.root, value)


def _is_below_root(path: str) -> bool:
    return path == FIXED_ROOT or path.startswith(FIXED_ROOT + "/")


def job_request(job: SandboxJob, place: Place, *, port: int, forbidden: tuple[Path, ...]) -> bytes:
    """Return the `job.json` for `job`; `port` listens on this machine's 127.0.0.1, `forbidden` must not be seen."""
    limits = job.limits
    paths: list[Json] = []
    for path in forbidden:
        try:
            found = path.stat()
        except OSError:
            continue
        paths.append([str(path), found.st_dev, found.st_ino])
    return canonical.dump(
        {
            "command": [place.text(item) for item in job.command],
            "environment": {name: place.text(value) for name, value in job.environment.items()},
            "collect": place.path(job.collect),
            "umask": job.umask,
            "fake_time_offset_s": job.fake_time_offset_s,
            "root": place.root,
            "uid": place.uid,
            "is_alone": place.is_alone,
            "is_mount": place.is_mount,
            "tolerated": list(place.tolerated),
            "limits": {
                "wall_s": limits.wall_s,
                "memory_bytes": limits.memory_bytes,
                "processes": limits.processes if place.limits_processes else 0,
                "scratch_bytes": limits.scratch_bytes,
                "output_bytes": limits.output_bytes,
                "log_bytes": limits.log_bytes,
            },
            "probe": {"port": port, "paths": paths},
        }
    )


def _walk(top: Path) -> Iterator[tuple[Path, str]]:
    """Yield `top` and everything below it with the path relative to it, parents first, sorted, no link followed."""
    yield top, ""
    if top.is_symlink() or not top.is_dir():
        return
    for folder, folders, names in os.walk(top, onerror=_raise):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        relative = Path(folder).relative_to(top)
        for name in sorted([*folders, *names]):
            yield Path(folder) / name, str(relative / name)
        for name in links:
            folders.remove(name)


def _raise(error: OSError) -> None:
    raise error


def _member(path: Path, name: str, item: SandboxInput, uid: int) -> tarfile.TarInfo:
    found = path.lstat()
    member = tarfile.TarInfo(name)
    member.mtime = int(found.st_mtime)
    member.uid = member.gid = uid if item.writable_copy else 0
    mode = stat.S_IMODE(found.st_mode) & 0o777
    member.mode = mode | 0o600 if item.writable_copy else (mode & 0o555) | 0o444
    if stat.S_ISDIR(found.st_mode):
        member.type = tarfile.DIRTYPE
        member.mode |= 0o700 if item.writable_copy else 0o555
    elif stat.S_ISLNK(found.st_mode):
        member.type = tarfile.SYMTYPE
        member.linkname = str(path.readlink())
    elif stat.S_ISREG(found.st_mode):
        member.size = found.st_size
    else:
        raise TagsealError(SANDBOX_INPUT_UNREADABLE, f"The input {path} is no file, folder or link.")
    return member


def send(stream: BinaryIO, request: bytes, job: SandboxJob, place: Place) -> None:
    """Write the job and its inputs to `stream`, which stays open.

    Raises:
        TagsealError: `sandbox-input-unreadable`.
    """
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(_JOB_MEMBER)
        member.size = len(request)
        archive.addfile(member, io.BytesIO(request))
        for item in job.inputs:
            for path, relative in _entries(item):
                name = "/".join(part for part in (place.path(item.inside), relative) if part).lstrip("/")
                _add(archive, path, _member(path, name, item, place.uid))
    stream.flush()


def _entries(item: SandboxInput) -> list[tuple[Path, str]]:
    try:
        return list(_walk(item.host))
    except OSError as error:
        raise TagsealError(SANDBOX_INPUT_UNREADABLE, f"The input {item.host} cannot be read: {error}.") from error


def _add(archive: tarfile.TarFile, path: Path, member: tarfile.TarInfo) -> None:
    if not member.isreg():
        archive.addfile(member)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise TagsealError(SANDBOX_INPUT_UNREADABLE, f"The input {path} cannot be read: {error}.") from error
    with file:
        archive.addfile(member, file)
