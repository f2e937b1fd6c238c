"""The two kinds of things that are signed, each with the check of its own fresh bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tagseal.adapters.sigstore_errors import SELF_CHECK_FAILED
from tagseal.errors import TagsealError

if TYPE_CHECKING:
    from sigstore.hashes import Hashed
    from sigstore.models import Bundle
    from sigstore.sign import Signer
    from sigstore.verify import Verifier


class Job(Protocol):
    """One thing to sign."""

    def sign(self, signer: Signer) -> Bundle:
        """Sign it and enter it into the log."""

    def check(self, verifier: Verifier, bundle: Bundle, issuer: str) -> None:
        """Verify the new bundle. Raises: the library's VerificationError, signature-self-check-failed."""


@dataclass(frozen=True, slots=True)
class StatementJob:
    """An in-toto statement, signed as a DSSE envelope."""

    statement: bytes

    def sign(self, signer: Signer) -> Bundle:
        """Sign exactly these bytes."""
        from sigstore.dsse import Statement

        return signer.sign_dsse(Statement(self.statement))

    def check(self, verifier: Verifier, bundle: Bundle, issuer: str) -> None:
        """Verify, and compare the payload."""
        from sigstore.verify.policy import OIDCIssuerV2

        _, payload = verifier.verify_dsse(bundle, OIDCIssuerV2(issuer))
        if payload != self.statement:
            raise TagsealError(SELF_CHECK_FAILED, "The signed payload is not the statement that was to be signed.")


@dataclass(frozen=True, slots=True)
class FileJob:
    """A file, signed by its digest."""

    digest: str
    """`sha256:<hex>`."""

    def sign(self, signer: Signer) -> Bundle:
        """Sign the digest as a message signature."""
        return signer.sign_artifact(hashed(self.digest))

    def check(self, verifier: Verifier, bundle: Bundle, issuer: str) -> None:
        """Verify against the digest."""
        from sigstore.verify.policy import OIDCIssuerV2

        verifier.verify_artifact(hashed(self.digest), bundle, OIDCIssuerV2(issuer))


def hashed(digest: str) -> Hashed:
    """Return `sha256:<hex>` as the library takes it. Raises: ValueError for anything else."""
    from sigstore.hashes import Hashed
    from sigstore_models.common.v1 import HashAlgorithm

    raw = bytes.fromhex(digest.removeprefix("sha256:"))
    if not digest.startswith("sha256:") or len(raw) != 32:  # noqa: PLR2004 - bytes of a SHA-256
        raise ValueError(f"{digest} is not a SHA-256 digest")
    return Hashed(algorithm=HashAlgorithm.SHA2_256, digest=raw)
