"""The rules a release tag must keep. Each returns its PASS or raises its own error.

`git verify-tag` accepts an old signed tag under a new name, a signed tag of a tag or of a file, any key of the
keyring, and an expired key with a back-dated tagger: each of these has a rule here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tagseal.core.checks import Check, Verdict
from tagseal.core.tagobject import TagObject
from tagseal.errors import Code, ExitCode, TagsealError

TAG_MISSING: Final = Code(
    id="tag-missing",
    exit_code=ExitCode.FAIL,
    why="The signed tag is what says that this source is to be released under this version.",
    fix="Make it with `git tag -s TAG`, or fetch it: `git fetch origin refs/tags/TAG:refs/tags/TAG`.",
)
TAG_LIGHTWEIGHT: Final = Code(
    id="tag-lightweight",
    exit_code=ExitCode.FAIL,
    why="Only an annotated tag is an object that can be signed.",
    fix="Make it with `git tag -s`; in a workflow, fetch the tag object that the checkout left out: "
    "`git fetch --force origin refs/tags/TAG:refs/tags/TAG`.",
)
TAG_NAME_MISMATCH: Final = Code(
    id="tag-name-mismatch",
    exit_code=ExitCode.FAIL,
    why="The signature stands for the name inside the tag; under another name an old release is sold as a new one.",
    fix="Delete the tag and find out who pushed it; then make a new one with `git tag -s`.",
)
TAG_NESTED: Final = Code(
    id="tag-nested",
    exit_code=ExitCode.FAIL,
    why="A release is made from a commit; a tag of another tag, tree or file has no history to check.",
    fix="Delete the tag and sign one that names the commit: `git tag -s TAG COMMIT`.",
)
TAG_UNSIGNED: Final = Code(
    id="tag-unsigned",
    exit_code=ExitCode.FAIL,
    why="Without a signature anybody who can push decides what is released.",
    fix="Delete the tag and make it again with `git tag -s`.",
)
TAG_DATE_IN_FUTURE: Final = Code(
    id="tag-date-in-future",
    exit_code=ExitCode.FAIL,
    why="A tag dated ahead of its time was made on a wrong clock or to outlive its key.",
    fix="Set the clock, delete the tag and make it again.",
)
TAG_SIGNER_UNKNOWN: Final = Code(
    id="tag-signer-unknown",
    exit_code=ExitCode.FAIL,
    why="Only the keys on the default branch's list may release; anybody can make a good signature with another one.",
    fix="Sign with a listed key, or have the key added to `signers` in .github/tagseal.yml on the default branch.",
)
TAG_SIGNATURE_BAD: Final = Code(
    id="tag-signature-bad",
    exit_code=ExitCode.FAIL,
    why="The tag was changed after it was signed, or the signature belongs to something else.",
    fix="Do not release it; find out who made the tag, then delete it and sign a new one.",
)
TAG_SIGNER_EXPIRED: Final = Code(
    id="tag-signer-expired",
    exit_code=ExitCode.FAIL,
    why="The policy file lets this signer release only until a date, and a tag's own date can be chosen freely.",
    fix="Sign with a key that is still listed, or have `until` changed on the default branch.",
)
KEY_EXPIRED: Final = Code(
    id="key-expired",
    exit_code=ExitCode.FAIL,
    why="A signature counts at the time it is checked, for the tag's own date can be chosen freely.",
    fix="Extend the key and put its new public part into the policy file, or sign with another listed key.",
)
KEY_REVOKED: Final = Code(
    id="key-revoked",
    exit_code=ExitCode.FAIL,
    why="The owner has declared that this key must not be trusted any more.",
    fix="Sign with another listed key and remove the revoked one from the policy file.",
)

MAX_AHEAD_S: Final = 86_400
_REASONS: Final = {
    "unknown-signer": (TAG_SIGNER_UNKNOWN, "is signed by a key that is not in the allowlist"),
    "bad-signature": (TAG_SIGNATURE_BAD, "has a signature that does not fit it"),
    "expired-key": (KEY_EXPIRED, "is signed by a key that has expired"),
    "revoked-key": (KEY_REVOKED, "is signed by a key that was revoked"),
}


def missing(tag: str) -> TagsealError:
    """Return the error for a tag that is not in the repository."""
    return TagsealError(TAG_MISSING, f"There is no tag {tag} here.", fix=TAG_MISSING.fix.replace("TAG", tag))


def annotated(tag: str, object_type: str) -> Check:
    """The ref points at a tag object. Raises: tag-lightweight."""
    if object_type != "tag":
        raise TagsealError(
            TAG_LIGHTWEIGHT,
            f"The tag {tag} points straight at a {object_type}.",
            fix=TAG_LIGHTWEIGHT.fix.replace("TAG", tag),
        )
    return _pass("tag-annotated", tag, "The tag is an annotated tag.")


def same_name(tag: str, parsed: TagObject) -> Check:
    """The name inside is the name of the ref. Raises: tag-name-mismatch."""
    if parsed.name != tag:
        raise TagsealError(TAG_NAME_MISMATCH, f"The tag {tag} holds a tag object that was made as {parsed.name!r}.")
    return _pass("tag-name", tag, "The name inside the signed tag is the name it was pushed under.")


def names_commit(tag: str, parsed: TagObject) -> Check:
    """The tag names a commit. Raises: tag-nested."""
    if parsed.object_type != "commit":
        raise TagsealError(TAG_NESTED, f"The tag {tag} names a {parsed.object_type}, not a commit.")
    return _pass("tag-target", tag, "The tag names a commit.", parsed.object_id)


def signed(tag: str, parsed: TagObject) -> Check:
    """There is a signature at all. Raises: tag-unsigned."""
    if not parsed.signature:
        raise TagsealError(TAG_UNSIGNED, f"The tag {tag} is not signed.")
    return _pass("tag-signed", tag, f"The tag carries one {parsed.signature_kind} signature.")


def dated(tag: str, parsed: TagObject, now: datetime) -> Check:
    """The claimed date is at most one day ahead of `now`. Raises: tag-date-in-future."""
    if parsed.tagger_time_s > now.timestamp() + MAX_AHEAD_S:
        raise TagsealError(TAG_DATE_IN_FUTURE, f"The tag {tag} is dated {_utc(parsed.tagger_time_s)}, in the future.")
    return _pass("tag-date", tag, f"The tag is dated {_utc(parsed.tagger_time_s)}, which is not in the future.")


def by_listed_signer(tag: str, *, name: str, fingerprint: str, reason: str, listed_until: str) -> Check:
    """A listed key made the signature and may still sign.

    `reason` is empty for a good signature; `listed_until` is the policy's last day when that day has passed.
    Raises: tag-signer-unknown, tag-signature-bad, tag-signer-expired, key-expired, key-revoked.
    """
    if listed_until and reason in {"", "expired-key"}:
        raise TagsealError(TAG_SIGNER_EXPIRED, f"The signer {name} of the tag {tag} was listed until {listed_until}.")
    if reason:
        code, what = _REASONS[reason]
        key = f" ({', '.join(part for part in (name, fingerprint) if part)})" if name or fingerprint else ""
        raise TagsealError(code, f"The tag {tag} {what}{key}.")
    return _pass("tag-signature", tag, f"The signature is good and was made by the listed signer {name}.", fingerprint)


def _utc(time_s: int) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError):
        return f"{time_s} s after 1970"


def _pass(code: str, subject: str, message: str, evidence: str = "") -> Check:
    return Check(code=code, verdict=Verdict.PASS, subject=subject, message=message, evidence=evidence)
