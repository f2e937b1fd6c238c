"""Turns an index's refusal of an upload into what a person can do about it."""

from __future__ import annotations

from typing import Final

from tagseal.core.publish_plan import FILE_EXISTS_WITH_OTHER_BYTES
from tagseal.errors import Code, ExitCode, TagsealError

UPLOAD_REFUSED: Final = Code(
    id="upload-refused",
    exit_code=ExitCode.FAIL,
    why="The index took a part of the release at most; files it has already stay there and are not sent again.",
    fix="Mend what the index names, then run the step again with the same files.",
)
UPLOAD_TOKEN_EXPIRED: Final = Code(
    id="upload-token-expired",
    exit_code=ExitCode.SERVICE,
    why="Upload tokens live for minutes; the rest of the files needs a new one.",
    fix="Run the step again; it asks for a new token and sends only what is missing.",
)
UPLOAD_NOT_ALLOWED: Final = Code(
    id="upload-not-allowed",
    exit_code=ExitCode.USAGE,
    why="The token is not one that may upload these files; nothing was uploaded with it.",
    fix="Use Trusted Publishing, or give an API token made for this project on this index.",
)

_HELP: Final = (
    (
        "previously used by a file that has since been deleted",
        "Raise the version: a deleted file's name is never free.",
    ),
    ("only one sdist may be uploaded", "The release has an sdist already; raise the version."),
    ("older than 14 days", "The index takes no new files for an old release; raise the version."),
    ("non-user identities cannot create", "Register a pending publisher for this new project on the index first."),
    ("isn't allowed to upload to project", "Check that the publisher or token belongs to this very project."),
    ("new uploads are temporarily disabled", "Wait until the index takes uploads again, then run the step again."),
    ("file too large", "Make the file smaller, or ask the index for a higher limit for this project."),
    ("unsupported platform tag", "Repair the wheel with auditwheel (manylinux or musllinux) and release again."),
    ("is invalid, should be", "Let the build backend name the file as the index wants it and release again."),
    (
        "attestations are only supported when using trusted publishing",
        "Use Trusted Publishing: drop the API token and grant the job id-token: write.",
    ),
    (
        "invalid attestations",
        "Check that the workflow registered as trusted publisher is the one that started this release.",
    ),
)
_MAX_REASON_CHARS: Final = 500


def explain(name: str, status: int, reason: str) -> TagsealError:
    """Return the error for an upload of `name` answered with a 3xx or 4xx status and the server's `reason`."""
    said = "".join(char if char.isprintable() else " " for char in reason).strip()[:_MAX_REASON_CHARS]
    text = said.lower()
    if "token is expired" in text or "token has expired" in text:
        return TagsealError(UPLOAD_TOKEN_EXPIRED, f"The index refused {name}: the upload token has expired.")
    if "file already exists" in text:
        return TagsealError(
            FILE_EXISTS_WITH_OTHER_BYTES,
            f"The index has other bytes under the name {name}, or these bytes under another name: {said}",
        )
    for part, fix in _HELP:
        if part in text:
            return TagsealError(UPLOAD_REFUSED, f"The index refused {name} ({status}): {said}", fix=fix)
    if status in {401, 403}:
        return TagsealError(UPLOAD_NOT_ALLOWED, f"The index does not let this token upload {name} ({status}): {said}")
    return TagsealError(UPLOAD_REFUSED, f"The index refused {name} ({status}): {said or 'no reason given'}")
