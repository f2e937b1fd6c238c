"""What a release tag says: `v` and a canonical PEP 440 version, and nothing that two readers take differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

from tagseal.errors import Code, ExitCode, TagsealError

TAG_NOT_A_VERSION: Final = Code(
    id="tag-not-a-version",
    exit_code=ExitCode.FAIL,
    why="Index, wheel name and metadata must all carry the version the tag names, in one and the same spelling.",
    fix="Name the tag `v` plus the version as PEP 440 writes it, for example v1.2.3, v1.2.0rc1 or v1.2.0.post1.",
)

MAX_TAG_CHARS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TagVersion:
    """The version a tag names."""

    version: str
    """Canonical: `str(Version(version)) == version`, without a local part."""
    release_type: str
    """`dev`, `pre`, `post` or `final`; the first that applies, in this order."""


def version_of_tag(tag: str) -> TagVersion:
    """Return the version in `tag`.

    Raises:
        TagsealError: `tag-not-a-version`.
    """
    text = tag.removeprefix("v")
    if text == tag or len(tag) > MAX_TAG_CHARS:
        raise TagsealError(TAG_NOT_A_VERSION, f"The tag {tag[:MAX_TAG_CHARS]!r} is not `v` plus a version.")
    try:
        version = Version(text)
    except InvalidVersion:
        raise TagsealError(TAG_NOT_A_VERSION, f"The tag {tag!r} does not name a PEP 440 version.") from None
    if str(version) != text:
        raise TagsealError(TAG_NOT_A_VERSION, f"The tag {tag!r} is not in canonical form: v{version} is.")
    if version.local is not None:
        raise TagsealError(TAG_NOT_A_VERSION, f"The tag {tag!r} has a local part, which no index accepts.")
    return TagVersion(version=text, release_type=_release_type(version))


def _release_type(version: Version) -> str:
    if version.is_devrelease:
        return "dev"
    if version.is_prerelease:
        return "pre"
    return "post" if version.is_postrelease else "final"
