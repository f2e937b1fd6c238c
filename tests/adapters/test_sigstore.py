"""KeylessSigner and SigstoreVerifier against the rehearsal's Sigstore, and what they make against other programs."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support_peers import peer
from support_sigstore import ISSUER, SEAL, SEAL_SAN
from tagseal.adapters.clock import SystemClock
from tagseal.adapters.identity import ActionsIdentity
from tagseal.adapters.sigstore import KeylessSigner, SigstoreVerifier
from tagseal.core.statement import PROVENANCE, PUBLISH, Subject, build_statement
from tagseal.errors import TagsealError
from tagseal.ports import ExpectedSigner
from tagseal.rehearsal.http import Fault
from tagseal.rehearsal.sigstore_services import SigstoreServices

FILE = b"the bytes of a wheel"
DIGEST = "sha256:" + hashlib.sha256(FILE).hexdigest()
NAME = "widget-1.0.0-py3-none-any.whl"
STATEMENT = build_statement(
    [Subject(name=NAME, sha256=DIGEST)], predicate_type=PROVENANCE, predicate={"buildDefinition": {}, "runDetails": {}}
)
PUBLISHED = build_statement([Subject(name=NAME, sha256=DIGEST)], predicate_type=PUBLISH, predicate=None)
EXPECTED = ExpectedSigner(
    issuer=ISSUER,
    san=SEAL_SAN,
    signer_digest="b" * 40,
    repository="acme/widget",
    ref="refs/tags/v1.0.0",
    commit="a" * 40,
)


class MovedClock(SystemClock):
    """The system's time plus an offset; waits cost nothing."""

    def __init__(self) -> None:
        self.offset = timedelta(0)
        self.waits: list[float] = []

    def now(self) -> datetime:
        return super().now() + self.offset

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture(scope="module")
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=SystemClock()) as running:
        yield running


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def signer(services: SigstoreServices, clock: MovedClock) -> KeylessSigner:
    identity = ActionsIdentity(services.request_environment(SEAL), clock=clock)
    return KeylessSigner(services.trust_config_json(), identity, clock=clock, call_deadline_s=2.0)


@pytest.fixture(scope="module")
def verifier(services: SigstoreServices) -> SigstoreVerifier:
    return SigstoreVerifier(services.trust_config_json())


@pytest.fixture(scope="module")
def bundles(services: SigstoreServices) -> tuple[bytes, bytes, bytes]:
    """A provenance bundle, a publish bundle and a file bundle."""
    signer = KeylessSigner(services.trust_config_json(), ActionsIdentity(services.request_environment(SEAL)))
    provenance, publish = signer.sign_statements([STATEMENT, PUBLISHED])
    (file,) = signer.sign_files([DIGEST])
    return provenance, publish, file


def refusal(call: Any, *args: Any) -> TagsealError:
    with pytest.raises(TagsealError) as caught:
        call(*args)
    return caught.value


def test_what_is_signed_verifies_with_everything_the_certificate_says(
    bundles: tuple[bytes, bytes, bytes], verifier: SigstoreVerifier
) -> None:
    found = verifier.statement(bundles[0], EXPECTED)
    assert found.payload == STATEMENT
    assert found.payload_type == "application/vnd.in-toto+json"
    certificate = found.certificate
    assert certificate.san == SEAL_SAN
    assert certificate.issuer == "https://token.actions.githubusercontent.com"
    assert certificate.signer_digest == "b" * 40
    assert certificate.source_repository == "acme/widget"
    assert certificate.source_digest == "a" * 40
    assert certificate.source_ref == "refs/tags/v1.0.0"
    assert certificate.build_config_uri.endswith("acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0")
    assert certificate.run_invocation_uri == "https://github.com/acme/widget/actions/runs/1/attempts/1"
    assert certificate.runner_environment == "github-hosted"
    assert abs(certificate.signed_at_s - SystemClock().now().timestamp()) < 60
    assert verifier.file(bundles[2], DIGEST, EXPECTED).san == SEAL_SAN
    assert all(b"\n" not in bundle for bundle in bundles)
    assert json.loads(bundles[0])["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("issuer", "https://issuer.example", "issuer"),
        ("san", SEAL_SAN.replace("v0.1.0", "v0.1.1"), "builder"),
        ("signer_digest", "c" * 40, "builder's commit"),
        ("repository", "acme/widgets", "repository"),
        ("ref", "refs/tags/v1.0.1", "ref"),
        ("commit", "d" * 40, "commit"),
    ],
)
def test_any_other_signer_is_a_mismatch(
    bundles: tuple[bytes, bytes, bytes], verifier: SigstoreVerifier, field: str, value: str, said: str
) -> None:
    expected = replace(EXPECTED, **{field: value})
    for error in (
        refusal(verifier.statement, bundles[0], expected),
        refusal(verifier.file, bundles[2], DIGEST, expected),
    ):
        assert (error.code.id, error.exit_code) == ("signer-mismatch", 1)
        assert f"({said}: expected {value}, got " in error.what


def test_an_expectation_that_expects_nothing_is_our_bug(
    bundles: tuple[bytes, bytes, bytes], verifier: SigstoreVerifier
) -> None:
    with pytest.raises(ValueError, match="one thing more"):
        verifier.statement(bundles[0], ExpectedSigner(issuer=ISSUER))


def tampered(bundle: bytes, change: str) -> bytes:
    value = json.loads(bundle)
    entry = value["verificationMaterial"]["tlogEntries"][0]
    if change == "payload":
        value["dsseEnvelope"]["payload"] = base64.b64encode(STATEMENT.replace(b"widget", b"gadget")).decode()
    elif change == "promise":
        entry["inclusionPromise"]["signedEntryTimestamp"] = base64.b64encode(b"x" * 70).decode()
    elif change == "time":
        entry["integratedTime"] = str(int(entry["integratedTime"]) - 86400)
    elif change == "no entry":
        value["verificationMaterial"]["tlogEntries"] = []
    elif change == "two entries":
        value["verificationMaterial"]["tlogEntries"] = [entry, entry]
    elif change == "media type":
        value["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    return json.dumps(value).encode()


@pytest.mark.parametrize("change", ["payload", "promise", "time", "no entry", "two entries", "media type"])
def test_a_tampered_bundle_is_invalid(
    bundles: tuple[bytes, bytes, bytes], verifier: SigstoreVerifier, change: str
) -> None:
    error = refusal(verifier.statement, tampered(bundles[0], change), EXPECTED)
    assert (error.code.id, error.exit_code) == ("bundle-invalid", 1)


def test_bytes_that_are_no_bundle_are_invalid(bundles: tuple[bytes, bytes, bytes], verifier: SigstoreVerifier) -> None:
    duplicate = bundles[0].replace(b"{", b'{"mediaType":"x",', 1)
    for data in (b"", b"{}", b"[1]", b"\xff", duplicate, bundles[0] + b"{}"):
        assert refusal(verifier.statement, data, EXPECTED).code.id == "bundle-invalid"
    assert refusal(verifier.file, bundles[2], "sha256:" + "0" * 64, EXPECTED).code.id == "bundle-invalid"
    assert refusal(verifier.file, bundles[0], DIGEST, EXPECTED).code.id == "bundle-invalid"
    assert refusal(verifier.to_pep740, bundles[2]).code.id == "bundle-invalid"
    assert refusal(verifier.pep740_to_bundle, b'{"version":1}').code.id == "bundle-invalid"


def test_pep740_objects_convert_back_to_what_verifies(
    bundles: tuple[bytes, bytes, bytes], verifier: SigstoreVerifier
) -> None:
    attestation = verifier.to_pep740(bundles[1])
    assert json.loads(attestation)["version"] == 1
    back = verifier.pep740_to_bundle(attestation)
    assert verifier.statement(back, EXPECTED).payload == PUBLISHED


def test_one_certificate_serves_a_batch_and_a_fresh_one_follows_it(
    services: SigstoreServices, signer: KeylessSigner, clock: MovedClock
) -> None:
    start = len(services.log)
    signer.sign_files([DIGEST] * 20)
    certificates = [line for line in services.log[start:] if line[1] == "/api/v2/signingCert"]
    entries = [line for line in services.log[start:] if line[:2] == ("POST", "/api/v1/log/entries")]
    assert (len(certificates), len(entries)) == (1, 20)
    start = len(services.log)
    clock.offset = timedelta(minutes=5)
    signer.sign_files([DIGEST])
    assert [line[1] for line in services.log[start:] if "signingCert" in line[1]] == ["/api/v2/signingCert"]


def test_nothing_to_sign_asks_nobody(services: SigstoreServices, signer: KeylessSigner) -> None:
    start = len(services.log)
    assert signer.sign_statements([]) == ()
    assert services.log[start:] == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(match="POST /api/v2/signingCert", times=2, status=503),
        Fault(match="POST /api/v2/signingCert", times=1, cut=True),
        Fault(match="POST /api/v2/signingCert", times=1, delay_s=2.5),
        Fault(match="POST /api/v1/log/entries", times=2, status=502),
        Fault(match="POST /api/v1/log/entries", times=1, cut=True, after=True),
        Fault(match="POST /api/v1/log/entries", times=1, status=409, after=True),
    ],
    ids=lambda fault: f"{fault.match}-{fault.status}-{fault.cut}-{fault.delay_s}",
)
def test_a_passing_failure_is_overcome(
    services: SigstoreServices, signer: KeylessSigner, verifier: SigstoreVerifier, fault: Fault
) -> None:
    with services.server.fault(fault):
        (bundle,) = signer.sign_statements([STATEMENT])
    assert verifier.statement(bundle, EXPECTED).payload == STATEMENT


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (Fault(match="POST /api/v2/signingCert", times=9, status=503), "fulcio-unavailable", "503: "),
        (Fault(match="POST /api/v2/signingCert", times=9, cut=True), "fulcio-unavailable", "cut the connection"),
        (
            Fault(match="POST /api/v2/signingCert", status=400, body=b'{"code":3,"message":"no such identity"}'),
            "fulcio-refused",
            "no such identity",
        ),
        (Fault(match="POST /api/v2/signingCert", status=200, body=b"<html>"), "service-nonsense", "something else"),
        (Fault(match="POST /api/v2/signingCert", status=200, body=b"{}"), "service-nonsense", "unusable"),
        (Fault(match="POST /api/v1/log/entries", times=9, status=500), "rekor-unavailable", "500: "),
        (Fault(match="POST /api/v1/log/entries", times=9, cut=True), "rekor-unavailable", "cut the connection"),
        (Fault(match="POST /api/v1/log/entries", status=400, body=b'{"message":"bad"}'), "rekor-refused", "bad"),
        (Fault(match="POST /api/v1/log/entries", status=201, body=b"]["), "service-nonsense", "something else"),
        (Fault(match="POST /api/v1/log/entries", status=201, body=b"{}"), "service-nonsense", "unusable"),
        (Fault(match="POST /api/v1/log/entries", times=9, delay_s=2.5), "service-timeout", "within 2 seconds"),
    ],
    ids=lambda value: value.match if isinstance(value, Fault) else str(value),
)
def test_failures_are_told_apart(
    services: SigstoreServices, signer: KeylessSigner, fault: Fault, code: str, text: str
) -> None:
    with services.server.fault(fault):
        error = refusal(signer.sign_files, [DIGEST])
    assert (error.code.id, error.exit_code) == (code, 3)
    assert text in error.what


def test_services_that_are_gone(clock: MovedClock) -> None:
    gone = SigstoreServices(clock=SystemClock())
    gone.start()
    identity = ActionsIdentity(gone.request_environment(SEAL), clock=clock)
    signer = KeylessSigner(gone.trust_config_json(), identity, clock=clock)
    gone.stop()
    error = refusal(signer.sign_files, [DIGEST])
    assert (error.code.id, error.exit_code) == ("service-unreachable", 3)


def with_key_of(other: SigstoreServices, services: SigstoreServices, what: str) -> str:
    config = json.loads(services.trust_config_json())
    config["trustedRoot"][what] = json.loads(other.trust_config_json())["trustedRoot"][what]
    return json.dumps(config)


@pytest.mark.parametrize("what", ["tlogs", "certificateAuthorities", "ctlogs"])
def test_a_wrong_root_is_found_before_anything_is_handed_on(
    services: SigstoreServices, clock: MovedClock, what: str
) -> None:
    other = SigstoreServices(clock=SystemClock())
    other.start()
    other.stop()
    identity = ActionsIdentity(services.request_environment(SEAL), clock=clock)
    signer = KeylessSigner(with_key_of(other, services, what), identity, clock=clock)
    error = refusal(signer.sign_statements, [STATEMENT])
    assert (error.code.id, error.exit_code) == ("signature-self-check-failed", 1)


def test_a_trust_configuration_that_is_none(clock: MovedClock) -> None:
    error = refusal(SigstoreVerifier('{"mediaType":"x"}').statement, b"{}", EXPECTED)
    assert (error.code.id, error.exit_code) == ("bundle-invalid", 1)
    error = refusal(KeylessSigner('{"mediaType":"x"}', ActionsIdentity({}), clock=clock).sign_files, [DIGEST])
    assert (error.code.id, error.exit_code) == ("trust-root-invalid", 2)


def test_the_public_instance_out_of_reach(clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    error = refusal(KeylessSigner("", ActionsIdentity({}), clock=clock).sign_files, [DIGEST])
    assert (error.code.id, error.exit_code) == ("trust-root-unavailable", 3)


def test_the_token_is_in_no_message(services: SigstoreServices, signer: KeylessSigner) -> None:
    body = b'{"code":3,"message":"eyJ-refused"}'
    with services.server.fault(Fault(match="POST /api/v2/signingCert", status=400, body=body)):
        error = refusal(signer.sign_files, [DIGEST])
    assert "Bearer" not in "".join(error.lines())


# --- clients nobody here wrote --------------------------------------------------------------------


def on_disk(tmp_path: Path, services: SigstoreServices, bundle: bytes) -> tuple[Path, Path]:
    artifact = tmp_path / NAME
    artifact.write_bytes(FILE)
    (tmp_path / "trust.json").write_text(services.trust_config_json())
    (tmp_path / "root.json").write_text(services.trusted_root_json())
    (tmp_path / "root.jsonl").write_text(services.trusted_root_jsonl())
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle)
    return artifact, file


def ok(argv: list[str | Path], cwd: Path) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


@pytest.mark.peer("sigstore")
def test_the_sigstore_command_accepts_both_kinds(
    services: SigstoreServices, bundles: tuple[bytes, bytes, bytes], tmp_path: Path
) -> None:
    program = Path(sys.executable).with_name("sigstore")
    for bundle in (bundles[0], bundles[2]):
        artifact, file = on_disk(tmp_path, services, bundle)
        options: list[str | Path] = ["--bundle", file, "--cert-identity", SEAL_SAN, "--cert-oidc-issuer", ISSUER]
        ok([program, "--trust-config", "trust.json", "verify", "identity", *options, artifact], tmp_path)


@pytest.mark.peer("cosign")
def test_cosign_accepts_both_kinds(
    services: SigstoreServices, bundles: tuple[bytes, bytes, bytes], tmp_path: Path
) -> None:
    cosign = peer("cosign")
    who: list[str | Path] = ["--certificate-identity", SEAL_SAN, "--certificate-oidc-issuer", ISSUER]
    for command, bundle in (
        (["verify-blob-attestation", "--type", "slsaprovenance1"], bundles[0]),
        (["verify-blob"], bundles[2]),
    ):
        artifact, file = on_disk(tmp_path, services, bundle)
        ok([cosign, *command, "--bundle", file, "--trusted-root", "root.json", *who, artifact], tmp_path)


@pytest.mark.peer("gh")
def test_gh_accepts_the_provenance(
    services: SigstoreServices, bundles: tuple[bytes, bytes, bytes], tmp_path: Path
) -> None:
    artifact, file = on_disk(tmp_path, services, bundles[0])
    file = file.rename(tmp_path / "bundle.jsonl")
    options: list[str | Path] = ["--repo", "acme/widget", "--signer-workflow", SEAL_SAN.split("@")[0][19:]]
    ok(
        [
            peer("gh"),
            "attestation",
            "verify",
            artifact,
            "--bundle",
            file,
            "--custom-trusted-root",
            "root.jsonl",
            *options,
        ],
        tmp_path,
    )
