"""What the steps that face the public tell each other: uploads, the release page, and what was verified of them.

Apart from `facts` because a step's start pays for every record type it imports.
"""

from __future__ import annotations

from dataclasses import dataclass

from tagseal.core.checks import Check
from tagseal.core.facts import Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadReceipt:
    """One file on the index."""

    name: str
    sha256: str
    action: str
    """`uploaded` or `already-there` (same bytes)."""
    url: str
    attestations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishFacts:
    """Result of `publish`."""

    index: str
    """Name of the index in the trust configuration."""
    receipts: tuple[UploadReceipt, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """Result of each leg of `release`."""

    url: str
    """The release's web page."""
    is_draft: bool
    assets: tuple[Sum, ...]
    """Every asset as it was read back, sorted by name."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyFacts:
    """Result of `verify-release`: what the public can download, verified."""

    index: str
    """Name of the index in the trust configuration."""
    files: tuple[Sum, ...]
    """The files whose bytes are equal in SHA256SUMS, on the index and on the forge; sorted by name."""
    builder_id: str
    """The verified signer: the certificate's SAN; empty when nothing was verified."""
    builder_digest: str
    """The verified signer's commit (Build Signer Digest); empty when nothing was verified."""
    checks: tuple[Check, ...]
