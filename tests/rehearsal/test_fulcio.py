from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from support_peers import peer
from support_sigstore import (
    PUBLISH,
    SEAL,
    SEAL_SAN,
    Answer,
    StillClock,
    b64,
    call,
    csr,
    public_pem,
)
from tagseal.rehearsal.sigstore_services import SigstoreServices

ARC = "1.3.6.1.4.1.57264.1"
BAD_TOKEN = {"code": 3, "message": "There was an error processing the identity token", "details": []}


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def services(clock: StillClock) -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=clock) as running:
        yield running


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def ask(services: SigstoreServices, token: str, body: dict[str, object]) -> Answer:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return call(services.url, "POST", "/api/v2/signingCert", data=body, headers=headers)


def certificates(answer: Answer) -> list[x509.Certificate]:
    assert answer.status == 200
    chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in chain]


def refusal(answer: Answer) -> Any:
    assert answer.status == 400
    return answer.json()


def values(leaf: x509.Certificate) -> dict[str, bytes]:
    found = {}
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.UnrecognizedExtension):
            found[extension.oid.dotted_string] = extension.value.value
    return found


def test_a_certificate_says_what_the_token_says(services: SigstoreServices, key: ec.EllipticCurvePrivateKey) -> None:
    token = services.issuer.mint(SEAL, "sigstore")
    leaf = certificates(ask(services, token, {"certificateSigningRequest": csr(key)}))[0]
    assert leaf.public_key() == key.public_key()
    assert leaf.subject == x509.Name([])
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert san.critical
    assert san.value.get_values_for_type(x509.UniformResourceIdentifier) == [SEAL_SAN]
    found = values(leaf)
    assert [found[f"{ARC}.{number}"].decode() for number in range(1, 7)] == [
        "https://token.actions.githubusercontent.com",
        "push",
        "a" * 40,
        "Release",
        "acme/widget",
        "refs/tags/v1.0.0",
    ]
    texts = [
        "https://token.actions.githubusercontent.com",
        SEAL_SAN,
        "b" * 40,
        "github-hosted",
        "https://github.com/acme/widget",
        "a" * 40,
        "refs/tags/v1.0.0",
        "1296269",
        "https://github.com/acme",
        "583231",
        "https://github.com/acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0",
        "a" * 40,
        "push",
        "https://github.com/acme/widget/actions/runs/1/attempts/1",
        "public",
    ]
    assert [found[f"{ARC}.{number}"] for number in range(8, 23)] == [
        bytes([0x0C, len(text)]) + text.encode() for text in texts
    ]
    assert f"{ARC}.23" not in found


def test_long_values_have_a_long_length(services: SigstoreServices, key: ec.EllipticCurvePrivateKey) -> None:
    claims = {**SEAL.claims(), "aud": "sigstore", "nbf": 0, "exp": 2**40, "ref": "refs/tags/" + "v" * 300}
    leaf = certificates(ask(services, services.issuer.sign(claims), {"certificateSigningRequest": csr(key)}))[0]
    assert values(leaf)[f"{ARC}.14"][:4] == bytes([0x0C, 0x82, 0x01, 0x36])


def test_extensions_have_fulcios_order_and_criticality(
    services: SigstoreServices, key: ec.EllipticCurvePrivateKey
) -> None:
    token = services.issuer.mint(PUBLISH, "sigstore")
    leaf = certificates(ask(services, token, {"certificateSigningRequest": csr(key)}))[0]
    seen = [(item.oid.dotted_string, item.critical) for item in leaf.extensions]
    assert seen == [
        ("2.5.29.15", True),
        ("2.5.29.37", False),
        ("2.5.29.14", False),
        ("2.5.29.35", False),
        ("2.5.29.17", True),
        *[(f"{ARC}.{number}", False) for number in (*range(1, 7), *range(8, 24))],
        ("1.3.6.1.4.1.11129.2.4.2", False),
    ]
    assert values(leaf)[f"{ARC}.23"] == b"\x0c\x04pypi"


def test_it_lasts_ten_minutes_and_its_timestamp_has_milliseconds(
    services: SigstoreServices, key: ec.EllipticCurvePrivateKey, clock: StillClock
) -> None:
    clock.time = clock.time.replace(microsecond=345_678)
    token = services.issuer.mint(SEAL, "sigstore")
    leaf = certificates(ask(services, token, {"certificateSigningRequest": csr(key)}))[0]
    assert leaf.not_valid_before_utc == clock.time.replace(microsecond=0)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(minutes=10)
    timestamps = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    assert len(timestamps) == 1
    assert timestamps[0].timestamp.microsecond == 345_000


def test_a_key_with_proof_of_possession_and_the_token_in_the_body(
    services: SigstoreServices, key: ec.EllipticCurvePrivateKey
) -> None:
    proof = key.sign(b"repo:acme/widget:ref:refs/tags/v1.0.0", ec.ECDSA(hashes.SHA256()))
    body: dict[str, object] = {
        "credentials": {"oidcIdentityToken": services.issuer.mint(SEAL, "sigstore")},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": public_pem(key)},
            "proofOfPossession": b64(proof),
        },
    }
    assert certificates(ask(services, "", body))[0].public_key() == key.public_key()


def test_the_chain_ends_where_the_trust_bundle_does_and_pems_have_no_final_newline(
    services: SigstoreServices, key: ec.EllipticCurvePrivateKey
) -> None:
    token = services.issuer.mint(SEAL, "sigstore")
    answer = ask(services, token, {"certificateSigningRequest": csr(key)})
    chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    bundle = call(services.url, "GET", "/api/v2/trustBundle")
    assert bundle.json() == {"chains": [{"certificates": chain[1:]}]}
    assert [pem[-25:] for pem in chain] == ["-----END CERTIFICATE-----"] * 3


@pytest.mark.peer("openssl")
def test_openssl_accepts_the_chain(services: SigstoreServices, key: ec.EllipticCurvePrivateKey, tmp_path: Path) -> None:
    token = services.issuer.mint(SEAL, "sigstore")
    chain = certificates(ask(services, token, {"certificateSigningRequest": csr(key)}))
    for name, certificate in zip(("leaf", "intermediate", "root"), chain, strict=True):
        (tmp_path / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    command = [peer("openssl"), "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "intermediate.pem"]
    done = subprocess.run(
        [*command, "-purpose", "any", "leaf.pem"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "leaf.pem: OK\n"), done.stderr


@pytest.mark.parametrize("why", ["none", "audience", "expired", "issuer", "signature", "no-sub", "early"])
def test_every_bad_token_gets_the_same_answer(
    services: SigstoreServices, key: ec.EllipticCurvePrivateKey, clock: StillClock, why: str
) -> None:
    issuer, now_s = services.issuer, int(clock.now().timestamp())
    good = {**SEAL.claims(), "aud": "sigstore", "nbf": now_s, "exp": now_s + 60}
    token = {
        "none": "",
        "audience": issuer.mint(SEAL, "pypi"),
        "expired": issuer.sign({**good, "exp": now_s - 10}),
        "issuer": issuer.sign({**good, "iss": "https://example.org"}),
        "signature": issuer.mint(SEAL, "sigstore")[:-8] + "AAAAAAAA",
        "no-sub": issuer.sign({name: value for name, value in good.items() if name != "sub"}),
        "early": issuer.sign({**good, "nbf": now_s + 600, "exp": now_s + 900}),
    }[why]
    assert refusal(ask(services, token, {"certificateSigningRequest": csr(key)})) == BAD_TOKEN


def test_a_missing_claim_is_a_template_error(services: SigstoreServices, key: ec.EllipticCurvePrivateKey) -> None:
    claims = {**SEAL.claims(), "aud": "sigstore", "nbf": 0, "exp": 2**40}
    del claims["workflow_sha"]
    answer = refusal(ask(services, services.issuer.sign(claims), {"certificateSigningRequest": csr(key)}))
    assert answer["code"] == 3
    assert 'map has no entry for key "workflow_sha"' in answer["message"]


@pytest.mark.parametrize("how", ["not-base64", "not-a-csr", "signature", "weak"])
def test_a_bad_signing_request_is_refused(
    services: SigstoreServices, key: ec.EllipticCurvePrivateKey, how: str
) -> None:
    unparsable = "The certificate signing request could not be parsed"
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is too short is the point
    weak = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    asked, message = {
        "not-base64": ("!", unparsable),
        "not-a-csr": (b64(b"hello"), unparsable),
        "signature": (csr(key, broken=True), "The signature supplied in the request could not be verified"),
        "weak": (
            b64(weak.sign(short, hashes.SHA256()).public_bytes(Encoding.PEM)),
            "The public key supplied in the request is insecure",
        ),
    }[how]
    token = services.issuer.mint(SEAL, "sigstore")
    answer = refusal(ask(services, token, {"certificateSigningRequest": asked}))
    assert answer == {"code": 3, "message": message, "details": []}


@pytest.mark.parametrize("how", ["no-key", "weak", "other-signature", "not-base64"])
def test_a_bad_proof_of_possession_is_refused(
    services: SigstoreServices, key: ec.EllipticCurvePrivateKey, how: str
) -> None:
    other = key.sign(b"somebody else", ec.ECDSA(hashes.SHA256()))
    odd_pem = public_pem(ec.generate_private_key(ec.SECP256K1()))
    wrong = "The signature supplied in the request could not be verified"
    pem, proof, message = {
        "no-key": ("", b64(other), "The public key supplied in the request could not be parsed"),
        "weak": (odd_pem, b64(other), "The public key supplied in the request is insecure"),
        "other-signature": (public_pem(key), b64(other), wrong),
        "not-base64": (public_pem(key), "!", wrong),
    }[how]
    token = services.issuer.mint(SEAL, "sigstore")
    asked = {"publicKey": {"content": pem}, "proofOfPossession": proof}
    assert refusal(ask(services, token, {"publicKeyRequest": asked}))["message"] == message


@pytest.mark.parametrize("raw", [b"", b"{", b"[]"])
def test_a_body_that_is_no_json_object_is_refused(services: SigstoreServices, raw: bytes) -> None:
    answer = refusal(call(services.url, "POST", "/api/v2/signingCert", raw=raw))
    assert (answer["code"], answer["details"]) == (3, [])


def test_wrong_methods_and_paths_are_answered_like_the_gateway(services: SigstoreServices) -> None:
    wrong = call(services.url, "GET", "/api/v2/signingCert")
    assert (wrong.status, wrong.json()) == (501, {"code": 12, "message": "Method Not Allowed", "details": []})
    missing = call(services.url, "GET", "/api/v2/other")
    assert (missing.status, missing.json()) == (404, {"code": 5, "message": "Not Found", "details": []})


def test_the_configuration_names_the_issuer(services: SigstoreServices) -> None:
    (issuer,) = call(services.url, "GET", "/api/v2/configuration").json()["issuers"]
    assert issuer["issuerUrl"] == "https://token.actions.githubusercontent.com"
    assert (issuer["audience"], issuer["challengeClaim"]) == ("sigstore", "sub")
