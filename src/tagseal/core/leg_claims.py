"""What the two build legs say about themselves, held against the bytes in hand, the source facts and each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact, BuildFacts, SourceFacts
from tagseal.errors import Code, ExitCode

BUILD_CLAIM_UNTRUE: Final = Code(
    id="build-claim-untrue",
    exit_code=ExitCode.FAIL,
    why="A build that describes other files or inputs than it had cannot be relied on for anything else it says.",
    fix="Run both build legs again in this run; if it stays so, find out what changes the files between the jobs.",
)
BUILD_ENVIRONMENTS_DIFFER: Final = Code(
    id="build-environments-differ",
    exit_code=ExitCode.FAIL,
    why="The provenance names one interpreter, one image and one set of requirements for the files.",
    fix="Run both legs with the same sandbox image and interpreter.",
)
BUILD_CLAIMS: Final = "build-claims-true"
BUILD_ENVIRONMENTS: Final = "build-environments-equal"
BUILD_VARIED: Final = "build-varied"

VARIATIONS: Final = ("HOME", "LC_ALL", "PYTHONHASHSEED", "TZ", "clock", "umask")
"""What must differ between the legs so that equal bytes mean something."""


def check_artifacts(leg: BuildFacts, measured: Sequence[Artifact]) -> tuple[Check, ...]:
    """Compare what a leg says about its files with their bytes."""
    claimed = {artifact.name: artifact for artifact in leg.artifacts}
    true = {artifact.name: artifact for artifact in measured}
    wrong = sorted(name for name in claimed.keys() | true.keys() if claimed.get(name) != true.get(name))
    if wrong or len(claimed) != len(leg.artifacts):
        subject = wrong[0] if wrong else leg.leg
        return (_untrue(leg, subject, f"Build {leg.leg} does not tell the truth about {subject}."),)
    message = f"Names, sizes and digests of the {len(true)} files are as build {leg.leg} says."
    return (Check(code=BUILD_CLAIMS, verdict=Verdict.PASS, subject=f"build.{leg.leg}", message=message),)


def check_inputs(leg: BuildFacts, source: SourceFacts) -> tuple[Check, ...]:
    """Compare the inputs a leg says it had with the source facts; nothing when they agree."""
    found = []
    if leg.lock_digest != source.lock_digest:
        found.append(_untrue(leg, "build lock", f"Build {leg.leg} used another build lock than the tag's."))
    if leg.source_date_epoch_s != source.commit_time_s:
        message = f"Build {leg.leg} used the time {leg.source_date_epoch_s}; the commit's is {source.commit_time_s}."
        found.append(_untrue(leg, "SOURCE_DATE_EPOCH", message))
    return tuple(found)


def check_environments(a: BuildFacts, b: BuildFacts) -> Check:
    """Both legs must name one interpreter, one image, one sandbox and one set of requirements."""
    pairs: Mapping[str, tuple[object, object]] = {
        "interpreter": (a.interpreter, b.interpreter),
        "image": (a.image, b.image),
        "sandbox": (a.sandbox, b.sandbox),
        "requirements": (a.requirements, b.requirements),
    }
    different = [what for what, (x, y) in pairs.items() if x != y]
    if different:
        message = f"The two builds name different environments: {', '.join(different)}."
        return Check(code=BUILD_ENVIRONMENTS_DIFFER.id, verdict=Verdict.FAIL, subject=different[0], message=message)
    message = f"Both builds used {a.interpreter}{f' in {a.image}' if a.image else ''} and the same requirements."
    return Check(code=BUILD_ENVIRONMENTS, verdict=Verdict.PASS, subject="builds", message=message)


def check_variations(a: BuildFacts, b: BuildFacts) -> Check:
    """Tell whether the second build really varied what must not matter; UNKNOWN for what it did not."""
    same = [what for what in VARIATIONS if not a.variations.get(what) or a.variations[what] == b.variations.get(what)]
    if same:
        message = f"The builds do not say that they differed in: {', '.join(same)}; whether these matter is not known."
        return Check(code=BUILD_VARIED, verdict=Verdict.UNKNOWN, subject=", ".join(same), message=message)
    return Check(
        code=BUILD_VARIED,
        verdict=Verdict.PASS,
        subject="builds",
        message=f"The builds differed in {', '.join(VARIATIONS)}, which must not matter.",
        evidence=f"clock: {a.variations['clock']} against {b.variations['clock']}",
    )


def _untrue(leg: BuildFacts, subject: str, message: str) -> Check:
    return Check(
        code=BUILD_CLAIM_UNTRUE.id, verdict=Verdict.FAIL, subject=f"build.{leg.leg}: {subject}", message=message
    )
