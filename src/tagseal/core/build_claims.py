"""What the build legs say about themselves, compared with what the lock and this machine say.

A build runs the project's code, so what it reports is a claim: it selects among things already trusted, or is
refused; nothing of it is copied into the provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.core.facts import BuildFacts, SourceFacts
from tagseal.core.lock import BuildLock
from tagseal.errors import Code, ExitCode, TagsealError

CLAIM_DIFFERS: Final = Code(
    id="provenance-claim-differs",
    exit_code=ExitCode.FAIL,
    why="The provenance may only say what was really used; a build that says otherwise had other inputs, or lies.",
    fix="Run both build legs again from the committed lock; if it stays so, find out what changed the build's inputs.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One wheel that the lock allows."""

    name: str
    version: str
    filename: str
    sha256: str
    """`sha256:<hex>`."""


def used_requirements(source: SourceFacts, legs: tuple[BuildFacts, ...], lock: BuildLock) -> tuple[Locked, ...]:
    """Return the lock's own entries that every leg says it used, sorted by file name: one for each locked name.

    Raises:
        TagsealError: `provenance-claim-differs`.
    """
    if lock.digest != source.lock_digest:
        raise TagsealError(CLAIM_DIFFERS, f"The build lock is {lock.digest}; the source has {source.lock_digest}.")
    allowed = {
        wheel.filename: Locked(name=package.name, version=package.version, filename=wheel.filename, sha256=wheel.sha256)
        for package in lock.packages
        for wheel in package.wheels
    }
    used = [_used(source, leg, allowed) for leg in legs]
    if any(filenames != used[0] for filenames in used):
        raise _differs(legs[-1], f"used other requirements than {legs[0].leg}")
    return tuple(allowed[filename] for filename in sorted(used[0]))


def _used(source: SourceFacts, leg: BuildFacts, allowed: Mapping[str, Locked]) -> set[str]:
    _check_inputs(source, leg)
    for claim in leg.requirements:
        wheel = allowed.get(claim.filename)
        if wheel is None or (wheel.name, wheel.version, wheel.sha256) != (claim.name, claim.version, claim.sha256):
            raise _differs(leg, f"used {claim.filename} ({claim.sha256}), which is not in the build lock")
    names = [claim.name for claim in leg.requirements]
    if len(set(names)) != len(names):
        raise _differs(leg, "used one requirement twice")
    if missing := sorted({wheel.name for wheel in allowed.values()} - set(names)):
        raise _differs(leg, f"did not use {missing[0]}, which is in the build lock")
    return {claim.filename for claim in leg.requirements}


def _check_inputs(source: SourceFacts, leg: BuildFacts) -> None:
    if leg.lock_digest != source.lock_digest:
        raise _differs(leg, f"used the build lock {leg.lock_digest}; the source has {source.lock_digest}")
    if leg.source_date_epoch_s != source.commit_time_s:
        raise _differs(leg, f"used the epoch {leg.source_date_epoch_s}; the commit's is {source.commit_time_s}")


def content_digests(legs: tuple[BuildFacts, ...], sums: Mapping[str, str]) -> Mapping[str, str]:
    """Return name -> content digest when both legs agree on them and on the bytes of SHA256SUMS.

    Raises:
        TagsealError: `provenance-claim-differs`.
    """
    for leg in legs:
        if {artifact.name: artifact.sha256 for artifact in leg.artifacts} != sums:
            raise _differs(leg, "made other files than SHA256SUMS names")
    found = [{artifact.name: artifact.content_digest for artifact in leg.artifacts} for leg in legs]
    if any(digests != found[0] for digests in found):
        raise _differs(legs[-1], f"has other content digests than {legs[0].leg}")
    return found[0]


def _differs(leg: BuildFacts, what: str) -> TagsealError:
    return TagsealError(CLAIM_DIFFERS, f"Build leg {leg.leg} {what}.")
