"""Turn findings that somebody answers for into WAIVED ones: exact code, exact subject, not expired."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tagseal.core.checks import Check, Verdict
from tagseal.core.policy import Waiver, waiver_for


def apply_waivers(
    checks: Iterable[Check], waivers: Sequence[Waiver], *, waivable: Collection[str], now: datetime
) -> tuple[Check, ...]:
    """Return the checks, those FAIL and UNKNOWN ones with a waiver as WAIVED; `waivable`: the codes that may be."""
    found = []
    for check in checks:
        waiver = None
        if check.verdict in {Verdict.FAIL, Verdict.UNKNOWN} and check.code in waivable:
            waiver = waiver_for(waivers, check=check.code, subject=check.subject, now=now)
        if waiver is None:
            found.append(check)
            continue
        message = f"{check.message} Waived ({waiver.id}) by {waiver.owner} until {waiver.expires}: {waiver.reason}"
        found.append(replace(check, verdict=Verdict.WAIVED, message=message))
    return tuple(found)
