"""Verdict on two builds: the same files, byte for byte, or which member differs and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tagseal.core.checks import Check, Verdict
from tagseal.core.difference import Cause, explain
from tagseal.core.facts import Artifact
from tagseal.errors import Code, ExitCode

BUILD_NOT_REPRODUCIBLE: Final = Code(
    id="build-not-reproducible",
    exit_code=ExitCode.FAIL,
    why="When two builds of one commit differ, nobody can tell a harmless difference from a planted one.",
    fix="Remove the cause named above; docs/explanation/reproducible-builds.md has a remedy for each.",
)
BUILD_FILES_DIFFER: Final = Code(
    id="build-files-differ",
    exit_code=ExitCode.FAIL,
    why="Both builds come from one commit and one lock, so they must make files of the same names.",
    fix="Find out what in the build depends on the clock, the user or the machine: often a version made from the date.",
)
BUILD_REPRODUCIBLE: Final = "build-reproducible"

_MAX_SHOWN: Final = 10

_REMEDIES: Final = {
    Cause.BYTECODE: "leave bytecode out of the archive",
    Cause.VERSION: "take the version from the tag, not from the clock",
    Cause.LINE_ORDER: "sort what is written",
    Cause.EMBEDDED_PATH: "write paths relative to the project",
    Cause.EMBEDDED_TIME: "use SOURCE_DATE_EPOCH instead of the time of the build",
}


def check_names(a: Iterable[str], b: Iterable[str]) -> tuple[Check, ...]:
    """Return a FAIL for each file that only one build made; nothing when both made the same."""
    first, second = frozenset(a), frozenset(b)
    return tuple(
        Check(
            code=BUILD_FILES_DIFFER.id,
            verdict=Verdict.FAIL,
            subject=name,
            message=f"Only build {'a' if name in first else 'b'} made {name}.",
        )
        for name in sorted(first ^ second)
    )


def check_bytes(artifact: Artifact, a: bytes, b: bytes) -> tuple[Check, ...]:
    """Compare one file of both builds; `artifact` describes build a's.

    Raises:
        TagsealError: any `archive-*` code, for a second build that cannot be read.
    """
    name = artifact.name
    if a == b:
        message = f"Both builds of {name} have the same {len(a)} bytes."
        return (
            Check(
                code=BUILD_REPRODUCIBLE, verdict=Verdict.PASS, subject=name, message=message, evidence=artifact.sha256
            ),
        )
    differences = explain(name, a, b)
    checks = [
        Check(
            code=BUILD_NOT_REPRODUCIBLE.id,
            verdict=Verdict.FAIL,
            subject=f"{name}:{difference.member}" if difference.member else name,
            message=_message(difference.cause, difference.member or "the archive itself"),
            evidence=difference.detail,
        )
        for difference in differences[:_MAX_SHOWN]
    ]
    more = len(differences) - _MAX_SHOWN
    if more > 0:
        message = f"At least {more} more members of {name} differ."
        checks.append(Check(code=BUILD_NOT_REPRODUCIBLE.id, verdict=Verdict.FAIL, subject=name, message=message))
    return tuple(checks)


def _message(cause: Cause, member: str) -> str:
    remedy = _REMEDIES.get(cause)
    return f"The two builds differ in {member} ({cause})" + (f": {remedy}." if remedy else ".")
