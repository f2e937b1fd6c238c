"""What an archive may hold: one type for its members, the limits, and the rules for names, links and modes.

The readers (`archive_tar`, `archive_zip`) are parsers of our own, because the question here is not "what would
this library make of the bytes?" but "is there any doubt what anybody would make of them?". Whatever two
programs could read differently is refused. Nothing is ever unpacked to disk.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tagseal.errors import Code, ExitCode, TagsealError


def _code(name: str, why: str, fix: str) -> Code:
    return Code(id=name, exit_code=ExitCode.FAIL, why=why, fix=fix)


ARCHIVE_MALFORMED: Final = _code(
    "archive-malformed",
    "An archive that breaks its own format is read differently, or not at all, by different installers.",
    "Build the file again; if the build backend wrote it this way, report it there.",
)
ARCHIVE_CONFUSING: Final = _code(
    "archive-confusing",
    "Bytes that one program reads and another skips can show a reviewer other files than the installer gets.",
    "Build the file again with a stock build backend; do not append to, sign or concatenate archives.",
)
ARCHIVE_ENCRYPTED: Final = _code(
    "archive-encrypted",
    "Nobody can check, and no installer can install, what is encrypted.",
    "Build the file again without encryption.",
)
ARCHIVE_NAME: Final = _code(
    "archive-name",
    "Names with control characters, backslashes or empty parts become other paths on other systems.",
    "Rename the file in the project; use UTF-8, forward slashes and printable characters.",
)
ARCHIVE_TRAVERSAL: Final = _code(
    "archive-traversal",
    "A member named with `..` is written outside the folder it is unpacked into.",
    "Find out what put this member into the archive; treat the build as hostile until you know.",
)
ARCHIVE_ABSOLUTE: Final = _code(
    "archive-absolute",
    "A member with an absolute path is written to that place on the machine that unpacks it.",
    "Find out what put this member into the archive; treat the build as hostile until you know.",
)
ARCHIVE_LINK: Final = _code(
    "archive-link",
    "A link lets a later member be written, or a file be read, outside the folder it is unpacked into.",
    "Replace the link by a regular file, or exclude it from the archive.",
)
ARCHIVE_DEVICE: Final = _code(
    "archive-device",
    "Devices, pipes and sockets have no place in a package and act on the machine that unpacks them.",
    "Exclude the member from the archive.",
)
ARCHIVE_SETUID: Final = _code(
    "archive-setuid",
    "A set-user-id or set-group-id file runs with its owner's rights on the machine that unpacks it.",
    "Remove the bit in the project: chmod ug-s FILE.",
)
ARCHIVE_DUPLICATE: Final = _code(
    "archive-duplicate",
    "Of two members with one name (or two that differ only in case or Unicode form) each system keeps another one.",
    "Rename or remove one of them.",
)
ARCHIVE_BOMB: Final = _code(
    "archive-bomb",
    "An archive that unpacks to far more than its size can fill the disk or memory of whoever opens it.",
    "Remove the oversized members from the archive.",
)
ARCHIVE_WRONG_FOLDER: Final = _code(
    "archive-wrong-folder",
    "Installers expect exactly one folder `name-version` in an sdist, named like the file.",
    "Build the sdist again with a stock build backend and do not rename it.",
)

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MAX_PATH_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one archive may hold; checked while reading, before the rest is unpacked."""

    members: int = 100_000
    total_bytes: int = 2**30
    """Uncompressed, all members together."""
    ratio: int = 200
    """Uncompressed to compressed, once more than `ratio_free_bytes` were unpacked."""
    ratio_free_bytes: int = 32 * 2**20

    def budget(self, compressed_bytes: int) -> int:
        """Return how many bytes an archive of that size may unpack to."""
        return min(self.total_bytes, max(self.ratio_free_bytes, self.ratio * compressed_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One regular file of an archive; nothing else survives reading (folders carry no information)."""

    path: str
    """As in the archive, `/` between parts; an sdist's paths start with its `name-version` folder."""
    mode: int
    """Permission bits."""
    mtime_s: int
    """Seconds since the epoch; a zip's local time is taken as UTC."""
    data: bytes

    @property
    def is_executable(self) -> bool:
        """Tell whether the owner may execute it: the only permission that is kept."""
        return bool(self.mode & stat.S_IXUSR)


def check_path(path: str) -> None:
    """Refuse a member name that is unsafe anywhere; a folder's name comes without its final slash.

    Raises:
        TagsealError: `archive-absolute`, `archive-traversal`, `archive-name`.
    """
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        raise TagsealError(ARCHIVE_ABSOLUTE, f"The archive has a member with the absolute path {path!a}.")
    parts = path.replace("\\", "/").split("/")
    if ".." in parts:
        raise TagsealError(ARCHIVE_TRAVERSAL, f"The archive has a member that climbs out of its folder: {path!a}.")
    if "\\" in path or "" in parts or "." in parts:
        raise TagsealError(ARCHIVE_NAME, f"The archive has a member with the ambiguous path {path!a}.")
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in _BIDI for char in path):
        raise TagsealError(ARCHIVE_NAME, f"The archive has a member with control characters in its name: {path!a}.")
    if len(path.encode("utf-8")) > _MAX_PATH_BYTES:
        raise TagsealError(ARCHIVE_NAME, f"The archive has a member with a name over {_MAX_PATH_BYTES} bytes long.")


def check_mode(path: str, mode: int) -> None:
    """Refuse what is not an ordinary file (or folder), by the mode bits of a Unix zip entry or tar header.

    Raises:
        TagsealError: `archive-link`, `archive-device`, `archive-setuid`.
    """
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        raise TagsealError(ARCHIVE_LINK, f"The archive has a symbolic link: {path!a}.")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise TagsealError(ARCHIVE_DEVICE, f"The archive has a device, pipe or socket: {path!a}.")
    if mode & (stat.S_ISUID | stat.S_ISGID) and kind != stat.S_IFDIR:
        raise TagsealError(ARCHIVE_SETUID, f"The archive has a set-user-id or set-group-id file: {path!a}.")


def check_names(members: Iterable[Member]) -> None:
    """Refuse two members that end up at one place on some file system, and a file that is also a folder.

    Raises:
        TagsealError: `archive-duplicate`.
    """
    files: dict[str, str] = {}
    for member in members:
        key = _collision_key(member.path)
        if key in files:
            raise TagsealError(
                ARCHIVE_DUPLICATE, f"The archive has two members at one place: {files[key]!a} and {member.path!a}."
            )
        files[key] = member.path
    for key, path in files.items():
        folder = key
        while folder := folder.rpartition("/")[0]:
            if folder in files:
                raise TagsealError(
                    ARCHIVE_DUPLICATE, f"The archive has {files[folder]!a} as a file and as the folder of {path!a}."
                )


def _collision_key(path: str) -> str:
    """Return one key for all names that a case-insensitive or normalising file system takes for the same."""
    return path if path.isascii() and path.islower() else unicodedata.normalize("NFC", path.casefold())
