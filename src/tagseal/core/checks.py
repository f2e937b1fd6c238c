"""Verdicts and findings: one type that every result, verifier and report uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check came to (design section 8). Missing data is UNKNOWN, never PASS."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    WAIVED = "WAIVED"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding."""

    code: str
    """Kebab-case name of the rule, stable; for FAIL it is the id of the matching error where there is one."""
    verdict: Verdict
    subject: str
    """What was looked at: a file name, a tag, a record."""
    message: str
    """One sentence for a person."""
    evidence: str = ""
    """A digest, path or value that lets the reader look again; empty when there is none."""


def overall(checks: Iterable[Check]) -> Verdict:
    """Return the worst verdict: FAIL, then UNKNOWN, else PASS; no check at all is UNKNOWN.

    WAIVED and NOT_APPLICABLE do not stop a release but are shown; alone they are not a PASS either.
    """
    verdicts = {check.verdict for check in checks}
    for worst in (Verdict.FAIL, Verdict.UNKNOWN):
        if worst in verdicts:
            return worst
    if Verdict.PASS in verdicts:
        return Verdict.PASS
    return Verdict.UNKNOWN
