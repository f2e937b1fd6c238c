"""sigstore-python, as a program and as a library, and PyPI's own pypi-attestations: offline, with the run's root."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from support_sealed import BUILDER_SAN, FILES, ISSUER, OTHER_SAN, SIGNER_DIGEST, WHEEL, Sealed, altered, offline
from tagseal.adapters.clock import SystemClock
from tagseal.rehearsal.sigstore_services import SigstoreServices


def verify_identity(sealed: Sealed, file: Path, bundle: str, *, san: str = BUILDER_SAN) -> tuple[int, str]:
    done = offline(
        *("sigstore", "--trust-config", sealed.trust / "client_trust_config.json", "verify", "identity"),
        *("--bundle", sealed.signed(bundle), "--cert-identity", san, "--cert-oidc-issuer", ISSUER, file),
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.peer("sigstore")
@pytest.mark.promise("R7")
def test_sigstore_accepts_every_signed_file(sealed: Sealed) -> None:
    for name in FILES:
        code, said = verify_identity(sealed, sealed.dist(name), f"{name}.sigstore.json")
        assert (code, f"OK: {sealed.dist(name)}" in said) == (0, True), said
    sums = sealed.made.directory / "SHA256SUMS"
    code, said = verify_identity(sealed, sums, "SHA256SUMS.sigstore.json")
    assert code == 0, said


@pytest.mark.peer("sigstore")
@pytest.mark.promise("R7")
@pytest.mark.promise("R15")
@pytest.mark.parametrize("name", FILES)
def test_sigstore_refuses_one_altered_bit(sealed: Sealed, tmp_path: Path, name: str) -> None:
    code, said = verify_identity(sealed, altered(sealed.dist(name), tmp_path), f"{name}.sigstore.json")
    assert (code, "Bundle message digest mismatch" in said) == (1, True), said


@pytest.mark.peer("sigstore")
@pytest.mark.promise("R7")
def test_sigstore_refuses_another_signer(sealed: Sealed) -> None:
    code, said = verify_identity(sealed, sealed.dist(WHEEL), f"{WHEEL}.sigstore.json", san=OTHER_SAN)
    assert (code, "SANs do not match" in said) == (1, True), said


def verify_dsse(sealed: Sealed, data: str, *, san: str = BUILDER_SAN, commit: str = "", root: str = "") -> Any:
    """Return the statement that the library took out of a bundle."""
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.verify import Verifier, policy

    config = ClientTrustConfig.from_json(root or (sealed.trust / "client_trust_config.json").read_text())
    expected = policy.AllOf(
        [
            policy.Identity(identity=san, issuer=ISSUER),
            policy.OIDCBuildSignerDigest(SIGNER_DIGEST),
            policy.OIDCSourceRepositoryURI("https://github.com/acme/example-widget"),
            policy.OIDCSourceRepositoryDigest(commit or sealed.commit),
            policy.OIDCSourceRepositoryRef("refs/tags/v1.0.0"),
        ]
    )
    kind, payload = Verifier(trusted_root=config.trusted_root).verify_dsse(Bundle.from_json(data), expected)
    assert kind == "application/vnd.in-toto+json"
    return json.loads(payload)


@pytest.mark.peer("sigstore")
@pytest.mark.promise("R6")
@pytest.mark.promise("R12")
def test_the_library_accepts_provenance_of_exactly_the_file(sealed: Sealed) -> None:
    digests = {name: hashlib.sha256(sealed.dist(name).read_bytes()).hexdigest() for name in FILES}
    for name in FILES:
        statement = verify_dsse(sealed, sealed.signed(f"{name}.intoto.jsonl").read_text())
        assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
        assert statement["subject"] == [{"name": name, "digest": {"sha256": digests[name]}}]
        resolved = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        assert {"gitCommit": sealed.commit} in [entry.get("digest") for entry in resolved]
    all_of_them = verify_dsse(sealed, sealed.signed("multiple.intoto.jsonl").read_text())
    assert {entry["name"]: entry["digest"]["sha256"] for entry in all_of_them["subject"]} == digests


@pytest.mark.peer("sigstore")
@pytest.mark.promise("R6")
@pytest.mark.promise("R12")
def test_the_library_refuses_other_words_signers_commits_and_roots(sealed: Sealed) -> None:
    from sigstore.errors import VerificationError

    good = sealed.signed(f"{WHEEL}.intoto.jsonl").read_text()
    bundle = json.loads(good)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"acme/example", b"evil/example")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(VerificationError, match="DSSE: invalid signature"):
        verify_dsse(sealed, json.dumps(bundle))
    with pytest.raises(VerificationError, match="SANs do not match"):
        verify_dsse(sealed, good, san=OTHER_SAN)
    with pytest.raises(VerificationError, match="does not match"):
        verify_dsse(sealed, good, commit="0" * 40)
    with SigstoreServices(clock=SystemClock()) as stranger, pytest.raises(VerificationError):
        verify_dsse(sealed, good, root=stranger.trust_config_json())


@pytest.fixture
def cache(sealed: Sealed, tmp_path: Path) -> dict[str, str]:
    """The variables by which `pypi-attestations … --offline` finds the run's root in its unverified cache."""
    folder = tmp_path / "cache" / "sigstore-python" / "tuf" / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
    folder.mkdir(parents=True)
    config = json.loads((sealed.trust / "client_trust_config.json").read_text())
    (folder / "trusted_root.json").write_text(json.dumps(config["trustedRoot"]))
    (folder / "signing_config.v0.2.json").write_text(json.dumps(config["signingConfig"]))
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "cache")}


@pytest.mark.peer("pypi-attestations")
@pytest.mark.promise("R27")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["publish", "slsa"])
def test_pypi_attestations_verifies_what_lies_beside_the_file(
    sealed: Sealed, tmp_path: Path, cache: dict[str, str], name: str, kind: str
) -> None:
    def verify(file: Path, san: str = BUILDER_SAN) -> tuple[int, str]:
        attestation = file.with_name(f"{name}.{kind}.attestation")
        attestation.write_bytes(sealed.signed(attestation.name).read_bytes())
        done = offline("pypi_attestations", "verify", "attestation", "--offline", "--identity", san, file, **cache)
        return done.returncode, done.stderr

    good = tmp_path / name
    good.write_bytes(sealed.dist(name).read_bytes())
    code, said = verify(good)
    assert (code, said.endswith(f"{name}.{kind}.attestation\n")) == (0, True), said
    code, said = verify(good, OTHER_SAN)
    assert (code, "SANs do not match" in said) == (1, True), said
    code, said = verify(altered(sealed.dist(name), tmp_path))
    assert (code, "subject does not match distribution digest" in said) == (1, True), said


@pytest.mark.peer("pypi-attestations")
@pytest.mark.promise("R27")
def test_pypi_attestations_verifies_what_the_index_serves(
    sealed: Sealed, tmp_path: Path, cache: dict[str, str]
) -> None:
    def verify(file: Path, repository: str = "https://github.com/acme/example-widget") -> tuple[int, str]:
        done = offline(
            *("pypi_attestations", "verify", "pypi", "--offline", "--provenance-file", tmp_path / "provenance.json"),
            *("--repository", repository, file),
            **cache,
        )
        return done.returncode, done.stderr

    for name in FILES:
        served = sealed.made.services.index.service.files[name].provenance
        assert served is not None
        (tmp_path / "provenance.json").write_text(json.dumps(served))
        code, said = verify(sealed.dist(name))
        assert (code, said.splitlines()[-1]) == (0, f"OK: {name}"), said
        code, said = verify(sealed.dist(name), "https://github.com/mallory/example-widget")
        assert (code, "mallory/example-widget" in said) == (1, True), said
        code, said = verify(altered(sealed.dist(name), tmp_path))
        assert (code, "subject does not match distribution digest" in said) == (1, True), said
