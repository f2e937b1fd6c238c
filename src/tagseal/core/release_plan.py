"""What to do with a release's assets, and whether it is the latest: rules without a forge."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

from tagseal.core.facts import Sum
from tagseal.errors import Code, ExitCode, TagsealError

EVIDENCE: Final = ("report.md", "report.json", "evidence.jsonl")
"""Assets that the complete leg adds; a draft of an earlier attempt can have them already."""

RELEASE_DIFFERS: Final = Code(
    id="release-differs",
    exit_code=ExitCode.FAIL,
    why="The release page would hand out files that this release did not seal, or has sealed with other bytes.",
    fix="Find out who changed it. Delete the foreign draft, or raise the version when it is published already.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """One asset as the forge lists it."""

    name: str
    sha256: str
    """Empty when the forge does not say."""
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPlan:
    """Base names, each sorted."""

    keep: tuple[str, ...]
    upload: tuple[str, ...]
    delete_first: tuple[str, ...]
    """Those of `upload` whose place a wrong or cut-off asset holds."""


def plan_draft(wanted: Iterable[Sum], present: Iterable[Present]) -> AssetPlan:
    """Return how to make a draft hold exactly the wanted assets; evidence of an earlier attempt may stay.

    Raises:
        TagsealError: `release-differs` when the draft has an asset that is not of this release.
    """
    sums = {entry.name: entry.sha256 for entry in wanted}
    there = {asset.name: asset for asset in present}
    if foreign := sorted(there.keys() - sums.keys() - set(EVIDENCE)):
        raise TagsealError(RELEASE_DIFFERS, f"The draft has {foreign[0]}, which is not a file of this release.")
    keep = {name for name in sums if name in there and there[name].is_complete and there[name].sha256 == sums[name]}
    upload = sums.keys() - keep
    return AssetPlan(
        keep=tuple(sorted(keep)), upload=tuple(sorted(upload)), delete_first=tuple(sorted(upload & there.keys()))
    )


def check_same(wanted: Iterable[Sum], present: Iterable[Present], *, where: str, allowed: Collection[str] = ()) -> None:
    """Check that the assets are exactly the wanted ones; names in `allowed` may be there besides.

    Raises:
        TagsealError: `release-differs`, naming the first difference; `where` is "draft" or "published release".
    """
    sums = {entry.name: entry.sha256 for entry in wanted}
    there = {asset.name: asset for asset in present}
    for name in sorted(sums.keys() | there.keys()):
        if name not in there:
            raise TagsealError(RELEASE_DIFFERS, f"The {where} lacks {name}.")
        if name not in sums:
            if name not in allowed:
                raise TagsealError(RELEASE_DIFFERS, f"The {where} has {name}, which is not a file of this release.")
        elif not there[name].is_complete:
            raise TagsealError(RELEASE_DIFFERS, f"The upload of {name} to the {where} is not complete.")
        elif there[name].sha256 != sums[name]:
            found = there[name].sha256 or "of unknown digest"
            raise TagsealError(RELEASE_DIFFERS, f"{name} on the {where} is {found}; here it is {sums[name]}.")


def is_latest(version: str, published_tags: Iterable[str]) -> bool:
    """Tell whether `version` (PEP 440) is final and no published tag has a higher final version.

    A patch to an old line must not take the place of the newest release. Tags that are no versions do not count.
    """
    mine = Version(version)
    return not mine.is_prerelease and all(mine >= other for other in map(_version, published_tags) if other)


def _version(tag: str) -> Version | None:
    try:
        found = Version(tag)
    except InvalidVersion:
        return None
    return None if found.is_prerelease else found
