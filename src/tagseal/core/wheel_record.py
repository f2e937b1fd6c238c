"""A wheel's RECORD: read, checked against the members, and written anew (binary distribution format, "RECORD")."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from tagseal.core.archive import Member
from tagseal.core.artifacts import ARTIFACT_NAME_INVALID, by_path
from tagseal.errors import Code, ExitCode, TagsealError

WHEEL_LAYOUT: Final = Code(
    id="wheel-layout",
    exit_code=ExitCode.FAIL,
    why="Installers look for one `name-version.dist-info` that fits the file's name and holds METADATA, WHEEL, RECORD.",
    fix="Build the wheel again with a current build backend and do not rename it.",
)
WHEEL_RECORD_UNTRUE: Final = Code(
    id="wheel-record-untrue",
    exit_code=ExitCode.FAIL,
    why="RECORD is what installers check files against; one that is wrong means that a file changed after the build.",
    fix="Find out what changed the wheel after its backend wrote it; build it again.",
)

_ALGORITHMS: Final = ("sha256", "sha384", "sha512")
_DIST_INFO: Final = re.compile(r"([^/-]+)-([^/-]+)\.dist-info")
_REQUIRED: Final = ("METADATA", "WHEEL", "RECORD")


def dist_info(name: str, members: Sequence[Member]) -> str:
    """Return the wheel's `<name>-<version>.dist-info` folder; there must be one and it must fit the file's name.

    Raises:
        TagsealError: `artifact-name-invalid`, `wheel-layout`.
    """
    try:
        parse_wheel_filename(name)
    except InvalidWheelFilename as error:
        raise TagsealError(ARTIFACT_NAME_INVALID, f"{name!a} is not a valid wheel name: {error}.") from error
    tops = {member.path.split("/", 1)[0] for member in members if "/" in member.path}
    folders = sorted(top for top in tops if top.casefold().endswith(".dist-info"))
    if len(folders) != 1:
        raise TagsealError(WHEEL_LAYOUT, f"{name} has {len(folders)} .dist-info folders instead of one.")
    match = _DIST_INFO.fullmatch(folders[0])
    # Compared as the file name spells them: both come from one backend.
    if match is None or [_fold(part) for part in match.groups()] != [_fold(part) for part in name.split("-")[:2]]:
        raise TagsealError(WHEEL_LAYOUT, f"{name} has the folder {folders[0]!a}, which does not fit its name.")
    paths = {member.path for member in members}
    if missing := [required for required in _REQUIRED if f"{folders[0]}/{required}" not in paths]:
        raise TagsealError(WHEEL_LAYOUT, f"{name} has no {missing[0]} in {folders[0]}.")
    if signed := [
        member.path for member in members if member.path.endswith((".dist-info/RECORD.jws", ".dist-info/RECORD.p7s"))
    ]:
        raise TagsealError(WHEEL_LAYOUT, f"{name} has an embedded signature that nothing verifies: {signed[0]!a}.")
    return folders[0]


def check_record(name: str, members: Sequence[Member]) -> None:
    """Insist that RECORD lists exactly the wheel's members, each with its true SHA-2 digest and size.

    Raises:
        TagsealError: `wheel-record-untrue`, `wheel-layout`, `artifact-name-invalid`.
    """
    record_path = f"{dist_info(name, members)}/RECORD"
    content = {member.path: member.data for member in members}
    rows = _rows(name, content[record_path])
    if unlisted := sorted(content.keys() - rows.keys()):
        raise TagsealError(WHEEL_RECORD_UNTRUE, f"{name} has {unlisted[0]!a}, which its RECORD does not list.")
    if absent := sorted(rows.keys() - content.keys()):
        raise TagsealError(WHEEL_RECORD_UNTRUE, f"The RECORD of {name} lists {absent[0]!a}, which is not there.")
    for path, (digest, size) in rows.items():
        if path == record_path:
            is_true = not digest and not size
        else:
            is_true = _is_digest_of(digest, content[path]) and size in {"", str(len(content[path]))}
        if not is_true:
            raise TagsealError(WHEEL_RECORD_UNTRUE, f"The RECORD of {name} does not tell the truth about {path!a}.")


def write_record(record_path: str, members: Sequence[Member]) -> bytes:
    """Return a RECORD for `members` (RECORD itself excluded): sorted, SHA-256, LF; its own line comes last."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for member in sorted(members, key=by_path):
        writer.writerow((member.path, "sha256=" + _encoded(hashlib.sha256(member.data).digest()), len(member.data)))
    writer.writerow((record_path, "", ""))
    return text.getvalue().encode("utf-8")


def _rows(name: str, record: bytes) -> Mapping[str, tuple[str, str]]:
    """Return path -> (digest, size) of a RECORD."""
    rows: dict[str, tuple[str, str]] = {}
    try:
        for row in csv.reader(io.StringIO(record.decode("utf-8"), newline=""), strict=True):
            path, digest, size = row
            if path in rows:
                raise TagsealError(WHEEL_RECORD_UNTRUE, f"The RECORD of {name} lists {path!a} twice.")
            rows[path] = (digest, size)
    except (ValueError, csv.Error) as error:
        raise TagsealError(WHEEL_RECORD_UNTRUE, f"The RECORD of {name} cannot be read: {error}.") from error
    return rows


def _is_digest_of(digest: str, data: bytes) -> bool:
    algorithm, _, value = digest.partition("=")
    return algorithm in _ALGORITHMS and value.rstrip("=") == _encoded(hashlib.new(algorithm, data).digest())


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _fold(part: str) -> str:
    """Return a name or version as PEP 503 and PEP 427 would let it differ: case and separators."""
    return re.sub(r"[-_.]+", "_", part).casefold()
