"""Unmodified clients sign against the rehearsal's Sigstore and verify what they made."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pypi_attestations import Attestation, Distribution
from sigstore.dsse import DigestSet, StatementBuilder, Subject
from sigstore.errors import VerificationError
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import Signer, SigningContext
from sigstore.verify import Verifier, policy

from support_peers import peer
from support_sigstore import CALLER, ISSUER, PUBLISH, SEAL, SEAL_SAN, call
from tagseal.adapters.clock import SystemClock
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.http import Fault
from tagseal.rehearsal.sigstore_services import SigstoreServices

FILE = "widget-1.0.0-py3-none-any.whl"
CONTENT = b"not really a wheel"
IDENTITY = policy.Identity(identity=SEAL_SAN, issuer=ISSUER)


@dataclass(frozen=True)
class Signed:
    folder: Path
    """widget…whl, root.json, root.jsonl, config.json, statement.json and file.json (bundles)."""
    services: SigstoreServices
    statement: str
    file: str

    def verifier(self) -> Verifier:
        config = ClientTrustConfig.from_json((self.folder / "config.json").read_text())
        return Verifier(trusted_root=config.trusted_root)


def with_signer(services: SigstoreServices, job: JobClaims, act: Callable[[Signer], Any]) -> Any:
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(services.trust_config_json()))
    with context.signer(IdentityToken(services.issuer.mint(job, "sigstore"))) as signer:
        return act(signer)


def sign_statement(signer: Signer) -> Bundle:
    subject = Subject(name=FILE, digest=DigestSet(root={"sha256": hashlib.sha256(CONTENT).hexdigest()}))
    builder = StatementBuilder().subjects([subject]).predicate_type("https://slsa.dev/provenance/v1").predicate({})
    return signer.sign_dsse(builder.build())


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """Signed once; the services are stopped before anything is verified."""
    folder = tmp_path_factory.mktemp("signed")
    with SigstoreServices(clock=SystemClock()) as services:
        statement, file = with_signer(services, SEAL, lambda it: (sign_statement(it), it.sign_artifact(CONTENT)))
    (folder / FILE).write_bytes(CONTENT)
    (folder / "root.json").write_text(services.trusted_root_json())
    (folder / "root.jsonl").write_text(services.trusted_root_jsonl())
    (folder / "config.json").write_text(services.trust_config_json())
    (folder / "statement.json").write_text(statement.to_json())
    (folder / "file.json").write_text(file.to_json())
    return Signed(folder=folder, services=services, statement=statement.to_json(), file=file.to_json())


@pytest.fixture
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=SystemClock()) as running:
        yield running


def run(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, env=environment
    )


# --- accepted ---------------------------------------------------------------------------------------


def test_sigstore_python_signs_and_verifies_with_the_services_gone(signed: Signed) -> None:
    kind, payload = signed.verifier().verify_dsse(Bundle.from_json(signed.statement), IDENTITY)
    assert kind == "application/vnd.in-toto+json"
    assert json.loads(payload)["subject"][0]["name"] == FILE
    signed.verifier().verify_artifact(CONTENT, Bundle.from_json(signed.file), IDENTITY)
    assert signed.services.log == [
        ("POST", "/api/v2/signingCert", 200),
        ("POST", "/api/v1/log/entries", 201),
        ("POST", "/api/v1/log/entries", 201),
    ]


def test_sigstore_python_finds_every_claim_it_knows(signed: Signed) -> None:
    claims = policy.AllOf(
        [
            IDENTITY,
            policy.OIDCIssuer(ISSUER),
            policy.OIDCIssuerV2(ISSUER),
            policy.GitHubWorkflowTrigger("push"),
            policy.GitHubWorkflowSHA("a" * 40),
            policy.GitHubWorkflowName("Release"),
            policy.GitHubWorkflowRepository("acme/widget"),
            policy.GitHubWorkflowRef("refs/tags/v1.0.0"),
            policy.OIDCBuildSignerURI(SEAL_SAN),
            policy.OIDCBuildSignerDigest("b" * 40),
            policy.OIDCRunnerEnvironment("github-hosted"),
            policy.OIDCSourceRepositoryURI("https://github.com/acme/widget"),
            policy.OIDCSourceRepositoryDigest("a" * 40),
            policy.OIDCSourceRepositoryRef("refs/tags/v1.0.0"),
            policy.OIDCBuildConfigURI("https://github.com/acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0"),
        ]
    )
    signed.verifier().verify_dsse(Bundle.from_json(signed.statement), claims)
    with pytest.raises(VerificationError):
        signed.verifier().verify_dsse(Bundle.from_json(signed.statement), policy.OIDCBuildSignerDigest("c" * 40))


@pytest.mark.peer("sigstore")
def test_the_sigstore_command_line_verifies(signed: Signed) -> None:
    command = [sys.executable, "-m", "sigstore", "--trust-config", "config.json", "verify", "identity"]
    identity = ["--cert-identity", SEAL_SAN, "--cert-oidc-issuer", ISSUER, "--offline"]
    done = run(signed.folder, *command, "--bundle", "file.json", *identity, FILE)
    assert (done.returncode, done.stderr.strip()) == (0, f"OK: {FILE}")
    wrong = run(signed.folder, *command, "--bundle", "file.json", *identity, "root.json")
    assert wrong.returncode != 0


@pytest.mark.peer("sigstore")
def test_the_sigstore_command_line_signs_as_a_job(services: SigstoreServices, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(CONTENT)
    (tmp_path / "config.json").write_text(services.trust_config_json())
    environment = {
        "GITHUB_ACTIONS": "true",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin",
        **services.request_environment(SEAL),
    }
    command = [sys.executable, "-m", "sigstore", "--trust-config", "config.json"]
    done = run(tmp_path, *command, "sign", "--bundle", "b.json", FILE, environment=environment)
    assert done.returncode == 0, done.stderr
    config = ClientTrustConfig.from_json(services.trust_config_json())
    bundle = Bundle.from_json((tmp_path / "b.json").read_text())
    Verifier(trusted_root=config.trusted_root).verify_artifact(CONTENT, bundle, IDENTITY)


@pytest.mark.peer("pypi-attestations")
def test_pypi_attestations_signs_and_converts_back(services: SigstoreServices, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(CONTENT)
    distribution = Distribution.from_file(tmp_path / FILE)
    attestation = with_signer(services, PUBLISH, lambda signer: Attestation.sign(signer, distribution))
    read = Attestation.model_validate_json(attestation.model_dump_json())
    config = ClientTrustConfig.from_json(services.trust_config_json())
    caller = "https://github.com/acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0"
    identity = policy.Identity(identity=caller, issuer=ISSUER)
    _, payload = Verifier(trusted_root=config.trusted_root).verify_dsse(read.to_bundle(), identity)
    assert json.loads(payload)["predicateType"] == "https://docs.pypi.org/attestations/publish/v1"


COSIGN_IDENTITY = ("--certificate-identity", SEAL_SAN, "--certificate-oidc-issuer", ISSUER)


@pytest.mark.peer("cosign")
def test_cosign_verifies_statement_and_file(signed: Signed) -> None:
    cosign = peer("cosign")
    root = ("--trusted-root", "root.json", *COSIGN_IDENTITY)
    attestation = ("verify-blob-attestation", "--bundle", "statement.json", "--type", "slsaprovenance1")
    done = run(signed.folder, cosign, *attestation, *root, FILE)
    assert (done.returncode, done.stderr.strip()) == (0, "Verified OK")
    done = run(signed.folder, cosign, "verify-blob", "--bundle", "file.json", *root, FILE)
    assert (done.returncode, done.stderr.strip()) == (0, "Verified OK")
    assert run(signed.folder, cosign, "verify-blob", "--bundle", "file.json", *root, "root.json").returncode != 0


@pytest.mark.peer("gh")
def test_gh_verifies_the_attestation(signed: Signed) -> None:
    command = [peer("gh"), "attestation", "verify", FILE, "--bundle", "statement.json"]
    root = ["--custom-trusted-root", "root.jsonl", "--repo", "acme/widget", "--deny-self-hosted-runners"]
    digest = ["--signer-digest", "b" * 40, "--source-ref", "refs/tags/v1.0.0", "--source-digest", "a" * 40]
    workflow = ["--signer-workflow", "tagseal/tagseal/.github/workflows/seal.yml"]
    done = run(signed.folder, *command, *root, *workflow, *digest, "--format", "json")
    assert done.returncode == 0, done.stderr
    certificate = json.loads(done.stdout)[0]["verificationResult"]["signature"]["certificate"]
    assert certificate["subjectAlternativeName"] == SEAL_SAN
    assert certificate["buildSignerDigest"] == "b" * 40
    assert certificate["runInvocationURI"] == "https://github.com/acme/widget/actions/runs/1/attempts/1"
    other = ["--signer-workflow", "tagseal/tagseal/.github/workflows/other.yml"]
    assert run(signed.folder, *command, *root, *other).returncode != 0


# --- refused ----------------------------------------------------------------------------------------


def flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def _entry(bundle: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = bundle["verificationMaterial"]["tlogEntries"][0]
    return entry


def root_hash(bundle: dict[str, Any]) -> None:
    proof = _entry(bundle)["inclusionProof"]
    proof["rootHash"] = flipped(proof["rootHash"])


def proof_hashes(bundle: dict[str, Any]) -> None:
    proof = _entry(bundle)["inclusionProof"]
    proof["hashes"] = [flipped(item) for item in proof["hashes"]]


def checkpoint(bundle: dict[str, Any]) -> None:
    note = _entry(bundle)["inclusionProof"]["checkpoint"]
    note["envelope"] = note["envelope"].replace("127.0.0.1 - ", "127.0.0.1 - 9", 1)


def promise(bundle: dict[str, Any]) -> None:
    entry = _entry(bundle)["inclusionPromise"]
    entry["signedEntryTimestamp"] = flipped(entry["signedEntryTimestamp"])


def integrated_time(bundle: dict[str, Any]) -> None:
    entry = _entry(bundle)
    entry["integratedTime"] = str(int(entry["integratedTime"]) + 1)


def certificate(bundle: dict[str, Any]) -> None:
    leaf = bundle["verificationMaterial"]["certificate"]
    leaf["rawBytes"] = flipped(leaf["rawBytes"])


def payload(bundle: dict[str, Any]) -> None:
    envelope = bundle["dsseEnvelope"]
    envelope["payload"] = base64.b64encode(base64.b64decode(envelope["payload"]) + b" ").decode()


TAMPERINGS = (root_hash, proof_hashes, checkpoint, promise, integrated_time, certificate, payload)


@pytest.fixture(scope="module")
def second_statement() -> tuple[SigstoreServices, str]:
    """The bundle of a log's second entry: its proof has a hash to tamper with."""
    with SigstoreServices(clock=SystemClock()) as services:
        bundle = with_signer(services, SEAL, lambda signer: (signer.sign_artifact(b"first"), sign_statement(signer))[1])
    return services, bundle.to_json()


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_sigstore_python_refuses_a_tampered_bundle(
    second_statement: tuple[SigstoreServices, str], tamper: Callable[[dict[str, Any]], None]
) -> None:
    services, text = second_statement
    config = ClientTrustConfig.from_json(services.trust_config_json())
    verifier = Verifier(trusted_root=config.trusted_root)
    verifier.verify_dsse(Bundle.from_json(text), IDENTITY)
    bundle = json.loads(text)
    tamper(bundle)
    with pytest.raises(VerificationError):
        verifier.verify_dsse(Bundle.from_json(json.dumps(bundle)), IDENTITY)


@pytest.mark.peer("cosign")
@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_cosign_refuses_a_tampered_bundle(
    second_statement: tuple[SigstoreServices, str], tamper: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    services, text = second_statement
    bundle = json.loads(text)
    (tmp_path / "good.json").write_text(text)
    tamper(bundle)
    (tmp_path / "bad.json").write_text(json.dumps(bundle))
    (tmp_path / "root.json").write_text(services.trusted_root_json())
    (tmp_path / FILE).write_bytes(CONTENT)
    options = ("--trusted-root", "root.json", *COSIGN_IDENTITY, "--type", "slsaprovenance1", FILE)
    command = (peer("cosign"), "verify-blob-attestation", "--bundle")
    assert run(tmp_path, *command, "good.json", *options).returncode == 0
    assert run(tmp_path, *command, "bad.json", *options).returncode != 0


@pytest.mark.parametrize("part", ["tlogs", "certificateAuthorities", "ctlogs"])
def test_another_runs_root_refuses_our_signatures(signed: Signed, part: str) -> None:
    other = SigstoreServices(clock=SystemClock())
    other.stop()
    config = json.loads((signed.folder / "config.json").read_text())
    mixed = copy.deepcopy(config)
    mixed["trustedRoot"][part] = json.loads(other.trusted_root_json())[part]
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(json.dumps(mixed)).trusted_root)
    with pytest.raises(VerificationError):
        verifier.verify_dsse(Bundle.from_json(signed.statement), IDENTITY)


def test_the_callers_own_job_is_not_the_seal_job(services: SigstoreServices) -> None:
    bundle = with_signer(services, CALLER, sign_statement)
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(services.trust_config_json()).trusted_root)
    with pytest.raises(VerificationError):
        verifier.verify_dsse(bundle, IDENTITY)


# --- the server -------------------------------------------------------------------------------------


def test_a_failing_log_fails_the_client_and_logs_nothing(services: SigstoreServices) -> None:
    fault = Fault(match="POST /api/v1/log/entries", status=503, times=1)
    with services.server.fault(fault), pytest.raises(Exception, match="503"):
        with_signer(services, SEAL, sign_statement)
    assert services.rekor.entries() == ()
    assert with_signer(services, SEAL, sign_statement).to_json()


def test_a_lost_answer_leaves_the_entry_in_the_log(services: SigstoreServices) -> None:
    fault = Fault(match="POST /api/v1/log/entries", cut=True, after=True)
    with services.server.fault(fault), pytest.raises(OSError, match=r"(?i)incomplete|broken|aborted"):
        with_signer(services, SEAL, sign_statement)
    assert len(services.rekor.entries()) == 1


@pytest.mark.parametrize("path", ["/", "/oidc", "/api/v1/timestamp", "/api/v2", "/api/v1/logs"])
def test_a_path_that_no_service_has_is_404(services: SigstoreServices, path: str) -> None:
    assert call(services.url, "GET", path).status == 404
    assert services.log == [("GET", path, 404)]


def test_starting_is_quick() -> None:
    def once() -> float:
        start = time.perf_counter()
        with SigstoreServices(clock=SystemClock()):
            return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.1


def test_the_services_import_no_client() -> None:
    code = (
        "import sys, tagseal.rehearsal.sigstore_services\n"
        "heavy = {'sigstore', 'requests', 'pypi_attestations', 'twine', 'github', 'yaml', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = run(Path.cwd(), sys.executable, "-c", code)
    assert done.stdout == "[]\n", done.stderr
