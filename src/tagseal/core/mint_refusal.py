"""Explains why an index refused to exchange the job's identity for an upload token (Trusted Publishing).

The index compares the token's `job_workflow_ref` with the publisher that was registered on it, so that claim and
the registration form's fields stand side by side in the message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError

CLAIMS: Final = (
    "sub",
    "repository",
    "repository_owner",
    "repository_owner_id",
    "job_workflow_ref",
    "workflow_ref",
    "ref",
    "environment",
    "event_name",
)
_MAX_CLAIM_CHARS: Final = 200
_JWT_PARTS: Final = 3

_WHY: Final = "Without an upload token nothing can be published; nothing was uploaded."

PUBLISHER_REFUSED: Final = Code(
    id="publisher-refused",
    exit_code=ExitCode.USAGE,
    why=_WHY,
    fix="Make the index's trusted publisher equal to the claims: owner, repository, workflow file name, environment.",
)
TRUSTED_PUBLISHING_NOT_ENABLED: Final = Code(
    id="trusted-publishing-not-enabled",
    exit_code=ExitCode.USAGE,
    why=_WHY,
    fix="Publish to an index that offers Trusted Publishing, or give an API token.",
)
TOKEN_REUSED: Final = Code(
    id="token-reused",
    exit_code=ExitCode.SERVICE,
    why="An identity token is good for one exchange; a second use can also mean that somebody else has it.",
    fix="Run the step again; it asks for a fresh identity token.",
)
IDENTITY_NOT_ACCEPTED: Final = Code(
    id="identity-not-accepted",
    exit_code=ExitCode.SERVICE,
    why=_WHY,
    fix="Run the step again; if it stays so, check the runner's clock and that its identity is GitHub's.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MintRefusal:
    """One reason from the index's answer."""

    code: str
    description: str


def claims_of(token: str) -> Mapping[str, str]:
    """Return the claims of `CLAIMS` that a JWT carries, unverified: for a person to read, never to decide on."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return {}
    try:
        data = canonical.parse(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, TagsealError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {name: _shown(data[name]) for name in CLAIMS if isinstance(data.get(name), str)}


def refusals(body: Json) -> tuple[MintRefusal, ...]:
    """Return the reasons in the answer `{"errors": [{"code", "description"}]}`; empty when it has another form."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return ()
    return tuple(
        MintRefusal(code=_shown(error.get("code", "")), description=_shown(error.get("description", "")))
        for error in errors
        if isinstance(error, dict)
    )


def explain(reasons: tuple[MintRefusal, ...], claims: Mapping[str, str]) -> TagsealError:
    """Return the error for a refused exchange: the index's reasons, the claims as a table, the setting to change."""
    said = "; ".join(f"{reason.code}: {reason.description}" for reason in reasons) or "no reason given"
    codes = {reason.code for reason in reasons}
    if "invalid-reuse-token" in codes:
        return TagsealError(TOKEN_REUSED, f"The index says that the identity token was used before ({said}).")
    if "not-enabled" in codes:
        return TagsealError(TRUSTED_PUBLISHING_NOT_ENABLED, f"The index does not do Trusted Publishing now ({said}).")
    if codes & {"invalid-publisher", "invalid-pending-publisher"}:
        what = f"The index has no trusted publisher for this job ({said}). The job's claims are:\n{_table(claims)}"
        return TagsealError(PUBLISHER_REFUSED, what, fix=_setting(claims))
    return TagsealError(IDENTITY_NOT_ACCEPTED, f"The index did not accept the job's identity ({said}).")


def _setting(claims: Mapping[str, str]) -> str:
    """Return the registration that these claims would match, or what to change in the workflow."""
    repository = claims.get("repository", "")
    path, _, _ = claims.get("job_workflow_ref", "").partition("@")
    if claims.get("event_name") == "pull_request_target":
        return "Publish on a tag's push; the index refuses every token of a pull_request_target event."
    if repository and path and not path.lower().startswith(f"{repository.lower()}/"):
        return (
            f"Write the publishing job into a workflow of {repository} itself: it runs in {path}, "
            "and the index accepts no reusable workflow of another repository."
        )
    owner, _, name = repository.partition("/")
    return (
        f"On the index open the project's publishing settings and add a GitHub publisher with owner {owner or '?'}, "
        f"repository {name or '?'}, workflow {path.rpartition('/')[2] or '?'}, "
        f"environment {claims.get('environment') or '(none)'}."
    )


def _table(claims: Mapping[str, str]) -> str:
    width = max(len(name) for name in CLAIMS)
    return "\n".join(f"  {name:<{width}}  {claims.get(name, 'MISSING')}" for name in CLAIMS)


def _shown(value: Json) -> str:
    """Return foreign text as one bounded, printable line."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text if len(text) <= _MAX_CLAIM_CHARS else text[:_MAX_CLAIM_CHARS] + " …"
