"""Trusted Publishing as Warehouse does it: which publisher a GitHub token belongs to, and what the refusals say.

Warehouse finds a publisher by the `repository` claim and the file name in `job_workflow_ref`, then insists that the
whole `job_workflow_ref` lies in that repository: a reusable workflow of another repository can never mint a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

TOKEN_LIFETIME_S: Final = 900
_WORKFLOW_FILE: Final = re.compile(r"[^/]+\.(?:yml|yaml)(?=@)")
_REQUIRED: Final = ("repository", "repository_owner", "repository_owner_id", "job_workflow_ref", "jti", "event_name")
NOT_FOUND: Final = "Publisher with matching claims was not found"


class TokenVerifier(Protocol):
    """Checks an OIDC token's signature, issuer, life time and audience."""

    def verify(self, token: str, audience: str) -> Mapping[str, str]:
        """Return the claims. Raises: ValueError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedPublisher:
    """One entry of a project's publishing settings."""

    repository: str
    """`owner/name`."""
    owner_id: str
    """GitHub's numeric id of the owner, in decimal."""
    workflow: str
    """File name in `.github/workflows`, for example `release.yml`."""
    projects: tuple[str, ...]
    """What it may upload to. A project that does not exist yet is created when it mints (a pending publisher)."""
    environment: str = ""
    """Empty: any environment, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MintedToken:
    """What an upload token is good for."""

    publisher: TrustedPublisher
    expires_at_s: int
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploader:
    """Who uploads: a Trusted Publisher's token, or an account's API token."""

    publisher: TrustedPublisher | None
    projects: tuple[str, ...]
    """What the token is limited to; empty: the whole account (API tokens only)."""
    is_expired: bool = False


class PublisherRefusedError(Exception):
    """A valid token that no publisher fits; the text is Warehouse's."""


class ReusedTokenError(Exception):
    """A token whose `jti` was seen before."""


def find_publisher(
    claims: Mapping[str, str], publishers: Sequence[TrustedPublisher], used_ids: set[str]
) -> TrustedPublisher:
    """Return the publisher the claims belong to and remember the token's `jti` in `used_ids`.

    Raises:
        PublisherRefusedError: nothing fits, or the publisher that fits refuses the claims.
        ReusedTokenError: the token was already exchanged.
    """
    missing = [name for name in _REQUIRED if not claims.get(name)]
    if missing:
        raise PublisherRefusedError(f"Missing claims: {', '.join(sorted(missing))}")
    publisher = _lookup(claims, publishers)
    _check_workflow(claims, publisher)
    if claims["event_name"] == "pull_request_target":
        raise PublisherRefusedError("Publishing from a workflow invoked via 'pull_request_target' is not supported.")
    if claims["jti"] in used_ids:
        raise ReusedTokenError
    used_ids.add(claims["jti"])
    return publisher


def _lookup(claims: Mapping[str, str], publishers: Sequence[TrustedPublisher]) -> TrustedPublisher:
    match = _WORKFLOW_FILE.search(claims["job_workflow_ref"])
    if match is None:
        raise PublisherRefusedError("Could not job extract workflow filename from OIDC claims")
    candidates = [
        publisher
        for publisher in publishers
        if publisher.repository.lower() == claims["repository"].lower()
        and publisher.owner_id == claims["repository_owner_id"]
        and publisher.workflow == match[0]
    ]
    environment = claims.get("environment", "").lower()
    specific = (p for p in candidates if p.environment and p.environment.lower() == environment)
    general = (p for p in candidates if not p.environment)
    found = next(specific, None) or next(general, None)
    if found is None:
        raise PublisherRefusedError(NOT_FOUND)
    return found


def _check_workflow(claims: Mapping[str, str], publisher: TrustedPublisher) -> None:
    refs = [claims[name] for name in ("ref", "sha") if claims.get(name)]
    if not refs:
        raise PublisherRefusedError("The ref and sha claims are empty")
    base = f"{publisher.repository}/.github/workflows/{publisher.workflow}"
    expected = [f"{base}@{ref}" for ref in refs]
    given = claims["job_workflow_ref"]
    if given not in expected:
        raise PublisherRefusedError(
            f"The job_workflow_ref claim does not match, expecting one of {expected!r}, got {given!r}"
        )
