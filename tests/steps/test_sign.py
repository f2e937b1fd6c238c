from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support_attest import DIST, SDIST, WHEEL, Release, release, sha256
from support_peers import peer
from support_sigstore import ISSUER, SEAL, SEAL_SAN
from tagseal.adapters.clock import SystemClock
from tagseal.core import canonical, record
from tagseal.core.canonical import Json
from tagseal.rehearsal.http import Fault
from tagseal.rehearsal.sigstore_services import SigstoreServices

ATTESTATIONS = sorted(
    [
        "SHA256SUMS.sigstore.json",
        "multiple.intoto.jsonl",
        *(
            f"{name}.{suffix}"
            for name in (WHEEL, SDIST)
            for suffix in ("intoto.jsonl", "sigstore.json", "slsa.attestation", "publish.attestation")
        ),
    ]
)


@pytest.fixture(scope="module")
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=SystemClock()) as running:
        yield running


def stated(root: Path, services: SigstoreServices) -> Release:
    made = release(root, services)
    for step in ("hash", "provenance"):
        assert made.run(step).verdict == "PASS"
    return made


@pytest.fixture(scope="module")
def signed(services: SigstoreServices, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("signed")
    made = stated(root, services)
    assert made.run("sign").verdict == "PASS"
    (root / "trust.json").write_text(services.trust_config_json())
    (root / "root.json").write_text(services.trusted_root_json())
    (root / "root.jsonl").write_text(services.trusted_root_jsonl())
    return root


@pytest.mark.promise("R6")
def test_every_file_has_its_attestations(signed: Path) -> None:
    assert sorted(path.name for path in (signed / "attestations").iterdir()) == ATTESTATIONS
    assert all((signed / "attestations" / name).read_bytes().count(b"\n") == 1 for name in ATTESTATIONS)
    result = json.loads((signed / "steps/sign.release/result.json").read_bytes())
    assert result["signer"] == SEAL_SAN
    assert result["signer_digest"] == "b" * 40
    assert len(result["signed"]) == 8
    for kind, predicate in (("slsa", "https://slsa.dev/provenance/v1"), ("publish", "publish/v1")):
        attestation = json.loads((signed / "attestations" / f"{WHEEL}.{kind}.attestation").read_bytes())
        assert attestation["version"] == 1
        assert predicate in base64.b64decode(attestation["envelope"]["statement"]).decode()


def forged(made: Release, name: str, change: dict[str, Json]) -> None:
    """Replace a statement by one with other members, with records that agree."""
    path = made.root / "steps/provenance" / name
    statement = canonical.parse(path.read_bytes())
    assert isinstance(statement, dict)
    path.write_bytes(canonical.dump({**statement, **change}))
    at = made.root / "steps/provenance/record.json"
    old = record.parse(at.read_bytes())
    outputs = {**old.outputs, f"steps/provenance/{name}": sha256(path.read_bytes())}
    at.write_bytes(record.dump(replace(old, outputs=outputs)))


def other_source(made: Release, *, commit: str = "f" * 40) -> dict[str, Json]:
    data = (made.root / "steps/provenance/multiple.intoto.json").read_bytes().replace(b"a" * 40, commit.encode())
    return {"predicate": json.loads(data)["predicate"]}


@pytest.mark.promise("R6")
def test_a_statement_that_is_not_ours_is_never_signed(tmp_path: Path, services: SigstoreServices) -> None:
    made = stated(tmp_path, services)
    start = len(services.log)
    wheel = f"{WHEEL}.intoto.json"
    pristine = {path: path.read_bytes() for path in (tmp_path / "steps/provenance").iterdir()}
    changes: list[tuple[str, dict[str, Json]]] = [
        (wheel, {"subject": [{"name": WHEEL, "digest": {"sha256": "0" * 64}}]}),
        (wheel, {"subject": [{"name": SDIST, "digest": {"sha256": sha256(DIST[SDIST])[7:]}}]}),
        (wheel, {"predicateType": "https://slsa.dev/verification_summary/v1"}),
        (wheel, other_source(made)),
        (wheel, {"predicate": None}),
        ("multiple.intoto.json", {"subject": [{"name": WHEEL, "digest": {"sha256": sha256(DIST[WHEEL])[7:]}}]}),
        (f"{WHEEL}.publish.json", {"predicate": {"extra": "claim"}}),
    ]
    for name, change in changes:
        forged(made, name, change)
        error = made.error("sign")
        assert (error.code.id, error.exit_code) == ("statement-not-ours", 1), change
        for path, data in pristine.items():
            path.write_bytes(data)
    assert [line for line in services.log[start:] if "signingCert" in line[1]] == []
    assert made.files("attestations") == []


def test_a_statement_with_more_than_it_should_have_is_invalid(tmp_path: Path, services: SigstoreServices) -> None:
    made = stated(tmp_path, services)
    forged(made, f"{WHEEL}.publish.json", {"also": 1})
    assert made.error("sign").code.id == "statement-invalid"


def test_files_that_the_sums_do_not_name_are_never_signed(tmp_path: Path, services: SigstoreServices) -> None:
    made = stated(tmp_path, services)
    sums = (tmp_path / "SHA256SUMS").read_bytes().splitlines(keepends=True)[0]
    (tmp_path / "SHA256SUMS").write_bytes(sums)
    assert made.error("sign").code.id == "release-file-changed"
    assert made.files("attestations") == []


def test_a_private_repository_is_not_written_into_a_public_log(tmp_path: Path, services: SigstoreServices) -> None:
    made = release(tmp_path, services, job=replace(SEAL, repository_visibility="private"))
    for step in ("hash", "provenance"):
        made.run(step)
    error = made.error("sign")
    assert (error.code.id, error.exit_code) == ("private-repository-public-log", 2)


def test_a_log_that_fails_half_way_leaves_nothing_and_a_re_run_finishes(
    tmp_path: Path, services: SigstoreServices
) -> None:
    made = stated(tmp_path, services)
    refusing = Fault(match="POST /api/v1/log/entries", status=400, after=True)
    with services.server.fault(refusing):
        assert made.error("sign").code.id == "rekor-refused"
    assert made.files("attestations") == []
    assert made.files("steps/sign.release") == []
    assert made.run("sign").verdict == "PASS"
    assert made.files("attestations") == ATTESTATIONS


def test_a_certificate_of_another_builder_is_refused(tmp_path: Path, services: SigstoreServices) -> None:
    made = stated(tmp_path, services)
    made.adapters.signer  # noqa: B018 - made with the sealing job's identity
    other = services.request_environment(replace(SEAL, sha="f" * 40))
    from tagseal.adapters.identity import ActionsIdentity
    from tagseal.adapters.sigstore import KeylessSigner

    made.adapters.__dict__["signer"] = KeylessSigner(services.trust_config_json(), ActionsIdentity(other))
    error = made.error("sign")
    assert (error.code.id, error.exit_code) == ("signer-mismatch", 1)
    assert made.files("attestations") == []


# --- clients nobody here wrote --------------------------------------------------------------------


def ok(cwd: Path, *argv: str | Path) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


@pytest.mark.promise("R6")
@pytest.mark.peer("sigstore")
@pytest.mark.parametrize("suffix", ["sigstore.json", "intoto.jsonl"])
def test_the_sigstore_command_accepts(signed: Path, suffix: str) -> None:
    who = ["--cert-identity", SEAL_SAN, "--cert-oidc-issuer", ISSUER]
    bundle = f"attestations/{WHEEL}.{suffix}"
    program = Path(sys.executable).with_name("sigstore")
    ok(signed, program, "--trust-config", "trust.json", "verify", "identity", "--bundle", bundle, *who, f"dist/{WHEEL}")


@pytest.mark.peer("cosign")
def test_cosign_accepts(signed: Path) -> None:
    who = ["--certificate-identity", SEAL_SAN, "--certificate-oidc-issuer", ISSUER, "--trusted-root", "root.json"]
    verify = [peer("cosign"), "verify-blob", *who, "--bundle"]
    ok(signed, *verify, "attestations/SHA256SUMS.sigstore.json", "SHA256SUMS")
    verify = [peer("cosign"), "verify-blob-attestation", "--type", "slsaprovenance1", *who, "--bundle"]
    for name in (f"{SDIST}.intoto.jsonl", "multiple.intoto.jsonl"):
        ok(signed, *verify, f"attestations/{name}", f"dist/{SDIST}")


@pytest.mark.peer("gh")
def test_gh_accepts(signed: Path) -> None:
    verify = [peer("gh"), "attestation", "verify", f"dist/{WHEEL}", "--repo", "acme/widget"]
    bundle = ["--bundle", f"attestations/{WHEEL}.intoto.jsonl", "--custom-trusted-root", "root.jsonl"]
    ok(signed, *verify, *bundle, "--cert-identity", SEAL_SAN, "--source-digest", "a" * 40)


@pytest.mark.peer("pypi-attestations")
def test_pypi_attestations_accepts(signed: Path) -> None:
    from pypi_attestations import Attestation, GitHubPublisher
    from sigstore.models import ClientTrustConfig
    from sigstore.verify import Verifier

    root = ClientTrustConfig.from_json((signed / "trust.json").read_text()).trusted_root
    publisher = GitHubPublisher(repository="acme/widget", workflow="release.yml")
    for kind in ("slsa", "publish"):
        data = (signed / "attestations" / f"{WHEEL}.{kind}.attestation").read_bytes()
        attestation = Attestation.model_validate_json(data)
        policy = publisher._as_policy()
        _, payload = Verifier(trusted_root=root).verify_dsse(attestation.to_bundle(), policy)
        assert json.loads(payload)["subject"] == [{"name": WHEEL, "digest": {"sha256": sha256(DIST[WHEEL])[7:]}}]
