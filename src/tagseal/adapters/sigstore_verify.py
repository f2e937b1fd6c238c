"""Verification of Sigstore bundles by sigstore-python, and conversion to and from PEP 740 objects.

Spec: Sigstore client specification, bundle v0.3; PEP 740.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tagseal.adapters.service_errors import said
from tagseal.adapters.sigstore_jobs import hashed
from tagseal.adapters.sigstore_trust import trust_config
from tagseal.core import canonical, fulcio_claims
from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import CertificateFacts, ExpectedSigner, VerifiedStatement

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

BUNDLE_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE_BYTES: Final = 24 * 2**20

BUNDLE_INVALID: Final = Code(
    id="bundle-invalid",
    exit_code=ExitCode.FAIL,
    why="A signature that does not verify says nothing about the file.",
    fix="Do not use the file; get file and bundle again from the release, and tell its maintainers if it stays so.",
)
SIGNER_MISMATCH: Final = Code(
    id="signer-mismatch",
    exit_code=ExitCode.FAIL,
    why="The signature is good, but somebody or something else made it.",
    fix="Check that you expect the right repository, tag and builder; if you do, do not use the file.",
)


class SigstoreVerifier:
    """`ports.BundleVerifier` on one trusted root. Threads may share one."""

    def __init__(self, client_trust_config_json: str) -> None:
        """`client_trust_config_json` empty: the public instance's root, refreshed once at the first use."""
        self._json = client_trust_config_json

    def statement(self, bundle: bytes, expected: ExpectedSigner) -> VerifiedStatement:
        """Raises: bundle-invalid, signer-mismatch, trust-root-*."""
        policy = _Exactly(expected)
        parsed, entry = _parse(bundle)
        with _library():
            payload_type, payload = self._verifier.verify_dsse(parsed, policy)
        return VerifiedStatement(payload_type=payload_type, payload=payload, certificate=policy.facts(entry))

    def file(self, bundle: bytes, digest: str, expected: ExpectedSigner) -> CertificateFacts:
        """Raises: as `statement`."""
        policy = _Exactly(expected)
        parsed, entry = _parse(bundle)
        with _library():
            self._verifier.verify_artifact(hashed(digest), parsed, policy)
        return policy.facts(entry)

    def to_pep740(self, bundle: bytes) -> bytes:
        """Raises: bundle-invalid."""
        from pypi_attestations import Attestation

        parsed, _ = _parse(bundle)
        with _library():
            return Attestation.from_bundle(parsed).model_dump_json().encode()

    def pep740_to_bundle(self, attestation: bytes) -> bytes:
        """Raises: bundle-invalid, json-invalid."""
        from pypi_attestations import Attestation

        canonical.parse(attestation, max_bytes=MAX_BUNDLE_BYTES)
        with _library():
            return Attestation.model_validate_json(attestation).to_bundle().to_json().encode()

    @cached_property
    def _verifier(self) -> Verifier:
        from sigstore.verify import Verifier

        return Verifier(trusted_root=trust_config(self._json).trusted_root)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What the bundle's one log entry says; true once the bundle has been verified."""

    integrated_s: int
    index: int


@contextmanager
def _library() -> Iterator[None]:
    """Turn what the libraries raise (their own errors, but also pydantic's and cryptography's) into ours."""
    try:
        yield
    except TagsealError:
        raise
    except Exception as error:
        raise TagsealError(BUNDLE_INVALID, f"The Sigstore bundle does not verify: {_text(error)}") from error


def _text(error: Exception) -> str:
    return said(str(error).encode()) or type(error).__name__


def _parse(data: bytes) -> tuple[Bundle, _Entry]:
    """Read strictly: what two parsers could read differently is refused before the library sees it."""
    from sigstore.models import Bundle

    try:
        value = canonical.parse(data, max_bytes=MAX_BUNDLE_BYTES)
        if not isinstance(value, dict) or value.get("mediaType") != BUNDLE_MEDIA_TYPE:
            raise ValueError(f"it is not a bundle of the type {BUNDLE_MEDIA_TYPE}")
        return Bundle.from_json(data), _entry(value)
    except TagsealError as error:
        raise TagsealError(BUNDLE_INVALID, f"The Sigstore bundle cannot be read: {error.what}") from error
    except Exception as error:  # pydantic's, the library's, KeyError and ValueError of ours
        raise TagsealError(BUNDLE_INVALID, f"The Sigstore bundle cannot be read: {_text(error)}") from error


def _entry(bundle: Mapping[str, Json]) -> _Entry:
    material = bundle.get("verificationMaterial")
    entries = material.get("tlogEntries") if isinstance(material, dict) else None
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise ValueError("it has not exactly one log entry")
    return _Entry(integrated_s=int(str(entries[0]["integratedTime"])), index=int(str(entries[0]["logIndex"])))


class _Exactly:
    """A verification policy of sigstore-python: every value that is expected must be equal, byte for byte."""

    def __init__(self, expected: ExpectedSigner) -> None:
        if not expected.issuer or not any(
            getattr(expected, field.name) for field in fields(expected) if field.name != "issuer"
        ):
            raise ValueError("an ExpectedSigner names the issuer and at least one thing more")
        self._expected = expected
        self._seen: CertificateFacts | None = None

    def verify(self, cert: Certificate) -> None:
        """Called by the library with the leaf whose chain and time it has checked."""
        try:
            seen = _certificate_facts(cert)
        except ValueError as error:
            raise TagsealError(BUNDLE_INVALID, f"The signing certificate is not a workflow's: {error}.") from error
        pairs = {
            "issuer": (self._expected.issuer, seen.issuer),
            "builder": (self._expected.san, seen.san),
            "builder's commit": (self._expected.signer_digest, seen.signer_digest),
            "repository": (self._expected.repository, seen.source_repository),
            "ref": (self._expected.ref, seen.source_ref),
            "commit": (self._expected.commit, seen.source_digest),
        }
        wrong = [
            f"{name}: expected {want}, got {said(got.encode())}"
            for name, (want, got) in pairs.items()
            if want is not None and want != got
        ]
        if wrong:
            raise TagsealError(SIGNER_MISMATCH, f"The signer is another one ({'; '.join(wrong)}).")
        self._seen = seen

    def facts(self, entry: _Entry) -> CertificateFacts:
        """Return what the certificate says; only after the library has accepted the bundle."""
        if self._seen is None:
            raise ValueError("the library accepted a bundle without asking the policy")
        return replace(self._seen, signed_at_s=entry.integrated_s, log_index=entry.index)


def _certificate_facts(cert: Certificate) -> CertificateFacts:
    claims = fulcio_claims.read_claims(cert)
    repository = urlsplit(claims.get(fulcio_claims.SOURCE_REPOSITORY, ""))
    return CertificateFacts(
        san=fulcio_claims.subject_uri(cert),
        issuer=claims.get(fulcio_claims.ISSUER, ""),
        signer_digest=claims.get(fulcio_claims.SIGNER_DIGEST, ""),
        source_repository=repository.path.removeprefix("/") if repository.scheme == "https" else "",
        source_digest=claims.get(fulcio_claims.SOURCE_DIGEST, ""),
        source_ref=claims.get(fulcio_claims.SOURCE_REF, ""),
        build_config_uri=claims.get(fulcio_claims.BUILD_CONFIG_URI, ""),
        run_invocation_uri=claims.get(fulcio_claims.RUN_INVOCATION_URI, ""),
        runner_environment=claims.get(fulcio_claims.RUNNER_ENVIRONMENT, ""),
        signed_at_s=0,
        log_index=0,
    )
