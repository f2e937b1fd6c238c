"""The findings of the step `release`, and the nodes whose evidence goes onto the release page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Sum

BUILT: Final = ("verify-source", "build.a", "build.b", "compare", "inspect")
SEALED: Final = (*BUILT, "hash", "provenance", "sign.release")
PUBLISHED: Final = (*SEALED, "release.draft", "publish", "verify-release")
"""Nodes in the order they run; what `report` reads. `release.complete` also reads `report`."""


def step_files(nodes: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of result and record of each node."""
    return tuple(f"steps/{node}/{name}" for node in nodes for name in ("result.json", "record.json"))


def drafted(tag: str, url: str, *, count: int, is_draft: bool) -> Check:
    """Return the finding that every asset was read back."""
    state = "The draft" if is_draft else "The release, published by an earlier attempt,"
    return Check(
        code="release-drafted",
        verdict=Verdict.PASS,
        subject=tag,
        message=f"{state} has all {count} files; each digest was read back and is equal.",
        evidence=url,
    )


def published(tag: str, url: str) -> Check:
    """Return the finding that the public gets what was sealed."""
    return Check(
        code="release-published",
        verdict=Verdict.PASS,
        subject=tag,
        message="The release is published; every asset was downloaded again without a token and is equal.",
        evidence=url,
    )


def earlier_evidence(there: Mapping[str, str], added: Iterable[Sum]) -> tuple[Check, ...]:
    """Judge the evidence of a release that an earlier attempt published: it cannot be replaced any more.

    `there` is asset name -> `sha256:<hex>`; evidence of another attempt than this one's cannot be judged here.
    """
    return tuple(
        Check(
            code="evidence-of-earlier-attempt",
            verdict=Verdict.PASS if there.get(entry.name) == entry.sha256 else Verdict.UNKNOWN,
            subject=entry.name,
            message="The release was published by an earlier attempt; its evidence stays as it is.",
            evidence=there.get(entry.name, ""),
        )
        for entry in added
    )
