"""PEP 740 attestations as Warehouse checks them at upload, against the run's own trusted root."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from tagseal.rehearsal.index_oidc import TrustedPublisher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypi_attestations import Attestation, GitHubPublisher
    from sigstore.verify import Verifier

    from tagseal.core.canonical import Json

MAX_ATTESTATIONS: Final = 2
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


class AttestationRefusedError(Exception):
    """The attestations of an upload were refused; the text is Warehouse's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The file that must be attested."""

    name: str
    sha256: str
    """Lower-case hex."""


class AttestationVerifier(Protocol):
    """Checks what came in the upload's `attestations` field."""

    def provenance(self, field: str, publisher: TrustedPublisher, subject: Subject) -> Mapping[str, Json]:
        """Return the provenance object to serve. Raises: AttestationRefusedError."""


class SigstoreAttestationVerifier:
    """Uses pypi_attestations' objects and publisher policy and sigstore's verifier, as the real index does."""

    def __init__(self, client_trust_config: str) -> None:
        """Trust the root in a Sigstore client trust config (JSON); nothing is read or imported before first use."""
        self._config = client_trust_config

    def provenance(self, field: str, publisher: TrustedPublisher, subject: Subject) -> Mapping[str, Json]:
        """Verify a JSON array of attestation objects; every rule and text is that of Warehouse's service."""
        from pydantic import TypeAdapter, ValidationError
        from pypi_attestations import Attestation, AttestationBundle, GitHubPublisher, Provenance

        try:
            attestations = TypeAdapter(list[Attestation]).validate_json(field)
        except ValidationError as error:
            raise AttestationRefusedError(f"Malformed attestations: {error}") from error
        if not attestations:
            raise AttestationRefusedError("Malformed attestations: an empty attestation set is not permitted")
        if len(attestations) > MAX_ATTESTATIONS:
            raise AttestationRefusedError(f"A maximum of {MAX_ATTESTATIONS} attestations per file are supported")
        identity = GitHubPublisher(
            repository=publisher.repository,
            workflow=publisher.workflow,
            environment=publisher.environment or None,
        )
        seen: set[str] = set()
        for attestation in attestations:
            kind = self._verify(attestation, identity, subject)
            if kind in seen:
                raise AttestationRefusedError(
                    f"Multiple attestations for the same file with the same predicate type ({kind}) are not supported"
                )
            seen.add(kind)
        bundle = AttestationBundle(publisher=identity, attestations=attestations)
        served: Mapping[str, Json] = Provenance(attestation_bundles=[bundle]).model_dump(mode="json")
        return served

    @cached_property
    def _verifier(self) -> Verifier:
        from sigstore.models import ClientTrustConfig
        from sigstore.verify import Verifier

        return Verifier(trusted_root=ClientTrustConfig.from_json(self._config).trusted_root)

    def _verify(self, attestation: Attestation, identity: GitHubPublisher, subject: Subject) -> str:
        """Return the predicate type. `Attestation.verify` itself knows the public good instance alone."""
        from sigstore.errors import Error

        try:
            policy = identity._as_policy()  # noqa: SLF001 - the policy Warehouse runs has no public name
            kind, payload = self._verifier.verify_dsse(attestation.to_bundle(), policy)
            return _check_statement(kind, payload, subject)
        except (Error, ValueError) as error:
            text = str(error)
            prefix = "" if text.startswith("Verification failed") else "Verification failed: "
            raise AttestationRefusedError(
                f"Could not verify the uploaded artifact using the included attestation: {prefix}{text}"
            ) from error
        except Exception as error:
            raise AttestationRefusedError(
                f"Unknown error while trying to verify included attestations: {error}"
            ) from error


def _check_statement(payload_type: str, payload: bytes, subject: Subject) -> str:
    """Return the predicate type of a statement about exactly this file. Raises: ValueError."""
    from pypi_attestations import AttestationType
    from sigstore.dsse import Statement
    from sigstore.errors import Error

    if payload_type != _PAYLOAD_TYPE:
        raise ValueError(f"expected JSON envelope, got {payload_type}")
    try:
        Statement(payload)  # its shape: in-toto v1, at least one subject, digests of known algorithms
    except Error as error:
        raise ValueError(f"invalid statement: {error}") from error
    statement = json.loads(payload)
    if len(statement["subject"]) != 1:
        raise ValueError("too many subjects in statement (must be exactly one)")
    name, digests = statement["subject"][0].get("name"), statement["subject"][0]["digest"]
    if not name:
        raise ValueError("invalid subject: missing name")
    if _parsed_name(name) != _parsed_name(subject.name):
        raise ValueError(f"subject does not match distribution name: {name} != {subject.name}")
    if digests.get("sha256") != subject.sha256:
        raise ValueError("subject does not match distribution digest")
    try:
        return str(AttestationType(statement.get("predicateType")).value)
    except ValueError as error:
        raise ValueError(f"unknown attestation type: {statement.get('predicateType')}") from error


def _parsed_name(name: str) -> tuple[object, ...]:
    from packaging.utils import parse_sdist_filename, parse_wheel_filename

    return parse_wheel_filename(name) if name.endswith(".whl") else parse_sdist_filename(name)
