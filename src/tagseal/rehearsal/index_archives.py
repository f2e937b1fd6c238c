"""What the index looks at inside an uploaded file: canonical names, platform tags, and the metadata it serves."""

from __future__ import annotations

import email.parser
import io
import re
import tarfile
import zipfile
import zlib
from typing import Final

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

MAX_METADATA_BYTES: Final = 8 * 2**20
MAX_MEMBERS: Final = 100_000
_PLATFORMS: Final = re.compile(
    r"any|win32|win_(?:amd64|arm64|ia64)|linux_armv[67]l"
    r"|manylinux(?:1|2010|2014|_[1-9][0-9]*_[0-9]+)_[a-z0-9_]+|musllinux_[1-9][0-9]*_[0-9]+_[a-z0-9_]+"
    r"|macosx_[1-9][0-9]*_[0-9]+_[a-z0-9_]+|ios_[1-9][0-9]*_[0-9]+_[a-z0-9_]+"
    r"|android_[1-9][0-9]*_[a-z0-9_]+|(?:pyodide|emscripten)_[0-9]+_[0-9]+_wasm32"
)


class ArchiveRefusedError(Exception):
    """The file or its name is not one the index takes; the text is Warehouse's where it has one."""


def read_metadata(filename: str, data: bytes, *, project: str, version: str) -> bytes | None:
    """Check name and content of an uploaded file; return a wheel's METADATA, or None for an sdist.

    `project` and `version` are the form's. Raises: ArchiveRefusedError.
    """
    if filename.endswith(".whl"):
        return _read_wheel(filename, data, project=project, version=version)
    _read_sdist(filename, data, project=project, version=version)
    return None


def _read_sdist(filename: str, data: bytes, *, project: str, version: str) -> None:
    stem = f"{_escaped(project)}-{version}"
    suffix = ".zip" if filename.endswith(".zip") else ".tar.gz"
    try:
        parse_sdist_filename(filename)
    except InvalidSdistFilename as error:
        raise ArchiveRefusedError(f"Invalid source distribution filename: {error}") from error
    if filename != stem + suffix:
        raise ArchiveRefusedError(f"Filename {filename!r} is invalid, should be {stem + suffix!r}.")
    wanted = f"{stem}/PKG-INFO"
    found = _zip_member(data, wanted) if suffix == ".zip" else _tar_member(data, wanted)
    if found is None:
        raise ArchiveRefusedError(f"Invalid distribution file. PKG-INFO not found at {wanted}")
    _compare(found, project=project, version=version)


def _read_wheel(filename: str, data: bytes, *, project: str, version: str) -> bytes:
    try:
        name, wheel_version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise ArchiveRefusedError(f"Invalid filename: {error}") from error
    if name != canonicalize_name(project):
        raise ArchiveRefusedError(f"Start filename for {project!r} with {_escaped(project)!r}.")
    if str(wheel_version) != version:
        raise ArchiveRefusedError(f"Version in filename should be {version!r} not {str(wheel_version)!r}.")
    stem = f"{_escaped(project)}-{version}"
    if not filename.startswith(f"{stem}-"):
        rest = "-".join(filename.split("-")[2:])
        raise ArchiveRefusedError(f"Filename {filename!r} is invalid, should be {f'{stem}-{rest}'!r}.")
    for platform in sorted({tag.platform for tag in tags}):
        if not _PLATFORMS.fullmatch(platform):
            raise ArchiveRefusedError(f"Binary wheel {filename!r} has an unsupported platform tag {platform!r}.")
    for member in ("WHEEL", "RECORD"):
        if _zip_member(data, f"{stem}.dist-info/{member}") is None:
            raise ArchiveRefusedError(
                f"Wheel {filename!r} does not contain the required {member} file: {stem}.dist-info/{member}"
            )
    metadata = _zip_member(data, f"{stem}.dist-info/METADATA")
    if metadata is None:
        raise ArchiveRefusedError(
            f"Wheel {filename!r} does not contain the required METADATA file: {stem}.dist-info/METADATA"
        )
    _compare(metadata, project=project, version=version)
    return metadata


def _compare(metadata: bytes, *, project: str, version: str) -> None:
    headers = email.parser.BytesHeaderParser().parsebytes(metadata)
    name, found = str(headers.get("Name", "")), str(headers.get("Version", ""))
    try:
        same_version = str(Version(found)) == version
    except InvalidVersion:
        same_version = False
    if canonicalize_name(name) != canonicalize_name(project) or not same_version:
        raise ArchiveRefusedError(
            f"Invalid distribution file. Its metadata names {name!r} {found!r}, not {project!r} {version!r}"
        )


def _escaped(project: str) -> str:
    return canonicalize_name(project).replace("-", "_")


def _zip_member(data: bytes, wanted: str) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                    raise ArchiveRefusedError("Invalid distribution file. ZIP archive not accepted: compression type")
                if info.filename == wanted and info.file_size <= MAX_METADATA_BYTES:
                    return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveRefusedError(f"Invalid distribution file. ZIP archive not accepted: {error}") from error
    return None


def _tar_member(data: bytes, wanted: str) -> bytes | None:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for number, info in enumerate(archive):
                if number >= MAX_MEMBERS:
                    break
                if info.name == wanted and info.isreg() and info.size <= MAX_METADATA_BYTES:
                    member = archive.extractfile(info)
                    return member.read() if member else None
    except (tarfile.TarError, zlib.error, ValueError, EOFError, OSError) as error:
        raise ArchiveRefusedError(f"Invalid distribution file. tar archive not accepted: {error}") from error
    return None
