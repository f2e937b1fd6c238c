"""Which findings show which promised control: the report's table, in one place.

A row is shown by the findings of the named nodes; where codes are named, only by those that begin with one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.core.checks import Check, Verdict, overall


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One row of the promise."""

    id: str
    title: str
    nodes: tuple[str, ...]
    codes: tuple[str, ...] = ()
    """Beginnings of check codes; empty: every finding of the nodes. A FAIL of the nodes always counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlVerdict:
    """What this release shows for one control."""

    id: str
    title: str
    verdict: Verdict
    reason: str
    """One sentence: of the finding that decides, or how many findings agree."""
    evidence: tuple[str, ...]
    """`<node>: <check code> <subject>` of the findings that were counted, sorted; at most 20."""


CONTROLS: Final = (
    Control(id="R5", title="Automated build with hash generation", nodes=("build.a", "build.b", "hash")),
    Control(id="R6", title="SLSA provenance by an isolated builder", nodes=("verify-release",), codes=("builder",)),
    Control(
        id="R7", title="Signatures for all artifacts", nodes=("verify-release",), codes=("sums-sig", "file-signature")
    ),
    Control(id="R9", title="The tag is signed and verified", nodes=("verify-source",)),
    Control(
        id="R10", title="Hashes are equal on every channel", nodes=("verify-release",), codes=("channels-", "channel-")
    ),
    Control(id="R11", title="Isolated, recorded build environment", nodes=("build.a", "build.b"), codes=("sandbox",)),
    Control(
        id="R12", title="Link from source to artifact", nodes=("compare", "verify-release"), codes=("sdist", "prov")
    ),
    Control(id="R13", title="Reproducible build", nodes=("compare",)),
    Control(id="R20", title="Isolated runner", nodes=("verify-release",), codes=("builder-runner",)),
    Control(id="R22", title="No secrets in the artifacts", nodes=("inspect",), codes=("secret", "no-secrets")),
    Control(id="R23", title="Audit log of all steps", nodes=("report",), codes=("record",)),
    Control(
        id="R24",
        title="Distribution through the official channels only",
        nodes=("publish", "verify-release"),
        codes=("file-published", "channel"),
    ),
    Control(id="R26", title="Authentication for publishing", nodes=("publish",), codes=("publish-credential",)),
    Control(
        id="R27",
        title="Provenance published beside the files",
        nodes=("verify-release",),
        codes=("index-provenance", "attestation", "provenance"),
    ),
)

NOT_COVERED: Final = ("R1-R4", "R8", "R14-R19", "R21", "R25", "R28-R36")
"""Rows of the promise on which this report says nothing."""

_MAX_EVIDENCE: Final = 20


def judge(control: Control, checks: Mapping[str, tuple[Check, ...]]) -> ControlVerdict:
    """Return the verdict of one control from all findings (node -> findings); without any it is UNKNOWN."""
    counted = [
        (node, check)
        for node in control.nodes
        for check in checks.get(node, ())
        if not control.codes or check.verdict is Verdict.FAIL or check.code.startswith(control.codes)
    ]
    verdict = overall(check for _, check in counted)
    deciding = [check for _, check in counted if check.verdict is verdict]
    if not counted:
        reason = "No step of this run reported on it."
    elif verdict is Verdict.PASS:
        reason = "1 finding." if len(deciding) == 1 else f"{len(deciding)} findings agree."
    else:
        reason = deciding[0].message if deciding else "Only findings that do not decide."
    return ControlVerdict(
        id=control.id,
        title=control.title,
        verdict=verdict,
        reason=reason,
        evidence=tuple(sorted(f"{node}: {check.code} {check.subject}" for node, check in counted)[:_MAX_EVIDENCE]),
    )
