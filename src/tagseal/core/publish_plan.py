"""What to upload: decided for all files by their digests before the first one is sent.

An index never lets a file be replaced, so a file that is there with the same bytes is done, and one that is there
with other bytes stops everything while nothing has been sent yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tagseal.core.facts import Sum
from tagseal.errors import Code, ExitCode, TagsealError

UPLOAD: Final = "uploaded"
ALREADY_THERE: Final = "already-there"

FILE_EXISTS_WITH_OTHER_BYTES: Final = Code(
    id="file-exists-with-other-bytes",
    exit_code=ExitCode.FAIL,
    why="Two different files would carry one name; whoever has the index's copy has not what this release sealed.",
    fix="Raise the version and tag again; if nobody of yours uploaded the other file, treat it as an attack.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One file as the index lists it."""

    name: str
    sha256: str
    """`sha256:<hex>`."""
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What happens to one file."""

    name: str
    sha256: str
    action: str
    """`uploaded` or `already-there`: the words of `UploadReceipt.action`."""
    url: str
    """Where the index has it; empty for a file that is still to be uploaded."""


def plan(local: Iterable[Sum], listed: Iterable[Listed]) -> tuple[Planned, ...]:
    """Return what to do with each local file: wheels first, then the sdist, each group by name.

    The sdist goes last because installers fall back to it: while a release is half uploaded nobody builds from source.

    Raises:
        TagsealError: `file-exists-with-other-bytes`, naming every such file with both digests.
    """
    there = {file.name: file for file in listed}
    found = []
    conflicts = []
    for mine in sorted(local, key=lambda file: (not file.name.endswith(".whl"), file.name)):
        theirs = there.get(mine.name)
        if theirs is None:
            found.append(Planned(name=mine.name, sha256=mine.sha256, action=UPLOAD, url=""))
        elif theirs.sha256 == mine.sha256:
            found.append(Planned(name=mine.name, sha256=mine.sha256, action=ALREADY_THERE, url=theirs.url))
        else:
            conflicts.append(f"{mine.name} is {theirs.sha256} on the index and {mine.sha256} here")
    if conflicts:
        raise TagsealError(
            FILE_EXISTS_WITH_OTHER_BYTES, f"The index has other bytes: {'; '.join(conflicts)}. Nothing was uploaded."
        )
    return tuple(found)
