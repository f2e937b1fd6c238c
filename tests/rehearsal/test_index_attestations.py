"""Which attestations the index takes: signed by the rehearsal's own Sigstore, refused with the real index's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pypi_attestations import AttestationType

from support_index import PUBLISHER
from support_sigstore import PUBLISH, SEAL
from tagseal.adapters.clock import SystemClock
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.index_attestations import AttestationRefusedError, SigstoreAttestationVerifier, Subject
from tagseal.rehearsal.sigstore_services import SigstoreServices

NAME = "tinyproj-1.2.3.tar.gz"
SHA256 = hashlib.sha256(b"the file").hexdigest()
SUBJECT = Subject(name=NAME, sha256=SHA256)
PUBLISH_TYPE = AttestationType.PYPI_PUBLISH_V1.value
SLSA_TYPE = "https://slsa.dev/provenance/v1"
FAILED = "Could not verify the uploaded artifact using the included attestation: Verification failed: "


@pytest.fixture(scope="module")
def sigstore() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=SystemClock()) as services:
        yield services


@pytest.fixture(scope="module")
def verifier(sigstore: SigstoreServices) -> SigstoreAttestationVerifier:
    return SigstoreAttestationVerifier(sigstore.trust_config_json())


def attest(
    sigstore: SigstoreServices,
    *,
    job: JobClaims = PUBLISH,
    kind: str = PUBLISH_TYPE,
    names: tuple[str, ...] = (NAME,),
    digest: Mapping[str, str] | None = None,
) -> Any:
    """Return one attestation object, signed as that job."""
    from pypi_attestations import Attestation
    from sigstore.dsse import Statement
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import SigningContext

    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": digest or {"sha256": SHA256}} for name in names],
        "predicateType": kind,
        "predicate": {},
    }
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(sigstore.trust_config_json()))
    with context.signer(IdentityToken(sigstore.issuer.mint(job, "sigstore"))) as signer:
        bundle = signer.sign_dsse(Statement(json.dumps(statement).encode()))
    return json.loads(Attestation.from_bundle(bundle).model_dump_json())


def refused(verifier: SigstoreAttestationVerifier, *attestations: Any) -> str:
    with pytest.raises(AttestationRefusedError) as caught:
        verifier.provenance(json.dumps(attestations), PUBLISHER, SUBJECT)
    return str(caught.value)


def test_a_publish_and_a_slsa_attestation(sigstore: SigstoreServices, verifier: SigstoreAttestationVerifier) -> None:
    given = [attest(sigstore), attest(sigstore, kind=SLSA_TYPE)]
    assert verifier.provenance(json.dumps(given), PUBLISHER, SUBJECT) == {
        "version": 1,
        "attestation_bundles": [
            {
                "publisher": {
                    "kind": "GitHub",
                    "repository": "acme/widget",
                    "workflow": "release.yml",
                    "environment": "pypi",
                },
                "attestations": given,
            }
        ],
    }


def test_one_signed_in_a_reusable_workflow_of_the_same_run(
    sigstore: SigstoreServices, verifier: SigstoreAttestationVerifier
) -> None:
    given = attest(sigstore, job=SEAL, kind=SLSA_TYPE)
    assert verifier.provenance(json.dumps([given]), PUBLISHER, SUBJECT)["version"] == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"digest": {"sha256": "0" * 64}}, "subject does not match distribution digest"),
        ({"digest": {"sha512": "0" * 128}}, "subject does not match distribution digest"),
        ({"names": ("tinyproj-1.2.4.tar.gz",)}, "subject does not match distribution name: tinyproj-1.2.4.tar.gz"),
        ({"names": ("readme.txt",)}, "Invalid sdist filename"),
        ({"names": (NAME, NAME)}, "too many subjects in statement (must be exactly one)"),
        ({"kind": "https://example.org/other/v1"}, "unknown attestation type: https://example.org/other/v1"),
        ({"job": replace(PUBLISH, repository="acme/other")}, "expected https://github.com/acme/widget"),
        (
            {"job": replace(PUBLISH, workflow_path=".github/workflows/ci.yml")},
            "does not match expected Trusted Publisher (release.yml @ acme/widget)",
        ),
    ],
)
def test_a_wrong_statement_or_signer(
    sigstore: SigstoreServices, verifier: SigstoreAttestationVerifier, change: dict[str, Any], text: str
) -> None:
    message = refused(verifier, attest(sigstore, **change))
    assert message.startswith(FAILED)
    assert text in message


def test_a_statement_changed_after_signing(sigstore: SigstoreServices, verifier: SigstoreAttestationVerifier) -> None:
    import base64

    attestation = attest(sigstore)
    statement = base64.b64decode(attestation["envelope"]["statement"]).replace(b'"predicate": {}', b'"predicate":{} ')
    attestation["envelope"]["statement"] = base64.b64encode(statement).decode()
    assert refused(verifier, attestation).startswith(FAILED)


def test_one_from_another_run(verifier: SigstoreAttestationVerifier) -> None:
    with SigstoreServices(clock=SystemClock()) as other:
        assert refused(verifier, attest(other)).startswith(FAILED)


def test_two_of_one_kind(sigstore: SigstoreServices, verifier: SigstoreAttestationVerifier) -> None:
    assert refused(verifier, attest(sigstore), attest(sigstore)) == (
        f"Multiple attestations for the same file with the same predicate type ({PUBLISH_TYPE}) are not supported"
    )


def test_three_are_too_many(sigstore: SigstoreServices, verifier: SigstoreAttestationVerifier) -> None:
    one = attest(sigstore)
    assert refused(verifier, one, one, one) == "A maximum of 2 attestations per file are supported"


def test_none_are_too_few(verifier: SigstoreAttestationVerifier) -> None:
    assert refused(verifier) == "Malformed attestations: an empty attestation set is not permitted"


@pytest.mark.parametrize("field", ["", "{}", "[1]", '[{"version": 2}]'])
def test_a_field_that_is_no_list_of_attestations(verifier: SigstoreAttestationVerifier, field: str) -> None:
    with pytest.raises(AttestationRefusedError, match=r"^Malformed attestations: "):
        verifier.provenance(field, PUBLISHER, SUBJECT)


def test_a_certificate_that_is_none(sigstore: SigstoreServices, verifier: SigstoreAttestationVerifier) -> None:
    attestation = attest(sigstore)
    attestation["verification_material"]["certificate"] = "AAAA"
    assert "erif" in refused(verifier, attestation)
    attestation = attest(sigstore)
    attestation["verification_material"]["transparency_entries"] = [{}]
    assert "erif" in refused(verifier, attestation)
