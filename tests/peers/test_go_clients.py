"""cosign and the gh command line, as consumers run them: offline, without login, with the run's root."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support_sealed import (
    BUILDER,
    BUILDER_SAN,
    FILES,
    ISSUER,
    OTHER_SAN,
    REPOSITORY,
    SIGNER_DIGEST,
    WHEEL,
    Sealed,
    altered,
    offline,
)


def cosign(sealed: Sealed, command: str, file: Path, bundle: str, *, san: str = BUILDER_SAN) -> tuple[int, str]:
    kind = ("--type", "slsaprovenance1") if command == "verify-blob-attestation" else ()
    done = offline(
        *("cosign", command, "--bundle", sealed.signed(bundle), "--trusted-root", sealed.trust / "trusted_root.json"),
        *("--certificate-identity", san, "--certificate-oidc-issuer", ISSUER, *kind, file),
    )
    return done.returncode, done.stderr


@pytest.mark.peer("cosign")
@pytest.mark.promise("R7")
@pytest.mark.promise("R15")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("command", "suffix"), [("verify-blob", ".sigstore.json"), ("verify-blob-attestation", ".intoto.jsonl")]
)
def test_cosign(sealed: Sealed, tmp_path: Path, command: str, suffix: str, name: str) -> None:
    file, bundle = sealed.dist(name), f"{name}{suffix}"
    assert cosign(sealed, command, file, bundle) == (0, "Verified OK\n")
    code, said = cosign(sealed, command, altered(file, tmp_path), bundle)
    assert (code, "Verified OK" in said) == (1, False), said
    code, said = cosign(sealed, command, file, bundle, san=OTHER_SAN)
    assert (code, "no matching CertificateIdentity found" in said) == (1, True), said


@pytest.mark.peer("cosign")
@pytest.mark.promise("R6")
def test_cosign_finds_every_file_in_the_statement_about_all(sealed: Sealed, tmp_path: Path) -> None:
    for name in FILES:
        code, said = cosign(sealed, "verify-blob-attestation", sealed.dist(name), "multiple.intoto.jsonl")
        assert code == 0, said
    code, said = cosign(
        sealed, "verify-blob-attestation", altered(sealed.dist(WHEEL), tmp_path), "multiple.intoto.jsonl"
    )
    assert (code, "Verified OK" in said) == (1, False), said


@pytest.mark.peer("cosign")
@pytest.mark.promise("R10")
def test_cosign_accepts_the_signed_sums_and_no_others(sealed: Sealed, tmp_path: Path) -> None:
    sums = sealed.made.directory / "SHA256SUMS"
    assert cosign(sealed, "verify-blob", sums, "SHA256SUMS.sigstore.json") == (0, "Verified OK\n")
    code, said = cosign(sealed, "verify-blob", altered(sums, tmp_path), "SHA256SUMS.sigstore.json")
    assert (code, "Verified OK" in said) == (1, False), said


def gh(sealed: Sealed, file: Path, bundle: str, **changed: str) -> tuple[int, str]:
    options = {
        "repo": REPOSITORY,
        "signer-workflow": BUILDER,
        "signer-digest": SIGNER_DIGEST,
        "source-ref": "refs/tags/v1.0.0",
        "source-digest": sealed.commit,
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    root = sealed.trust / "trusted_root.jsonl"
    done = offline(
        *("gh", "attestation", "verify", file, "--bundle", sealed.signed(bundle), "--custom-trusted-root", root),
        *(*words, "--format", "json"),
    )
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


@pytest.mark.peer("gh")
@pytest.mark.promise("R6")
@pytest.mark.promise("R27")
@pytest.mark.parametrize("name", FILES)
def test_gh_accepts_the_provenance_and_says_what_it_saw(sealed: Sealed, name: str) -> None:
    code, said = gh(sealed, sealed.dist(name), f"{name}.intoto.jsonl")
    assert code == 0, said
    (seen,) = json.loads(said)
    certificate = seen["verificationResult"]["signature"]["certificate"]
    assert certificate["subjectAlternativeName"] == BUILDER_SAN
    assert certificate["sourceRepositoryURI"] == f"https://github.com/{REPOSITORY}"
    assert certificate["runnerEnvironment"] == "github-hosted"
    assert seen["verificationResult"]["statement"]["predicateType"] == "https://slsa.dev/provenance/v1"


@pytest.mark.peer("gh")
@pytest.mark.promise("R6")
@pytest.mark.promise("R15")
@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("repo", "mallory/example-widget", "expected SourceRepositoryOwnerURI to be https://github.com/mallory"),
        ("signer_workflow", "mallory/tagseal/.github/workflows/seal.yml", 'verifying with issuer "tagseal rehearsal"'),
        ("signer_digest", "0" * 40, "expected BuildSignerDigest to be 0000"),
        ("source_ref", "refs/tags/v1.0.1", "expected SourceRepositoryRef to be refs/tags/v1.0.1"),
        ("source_digest", "0" * 40, "expected SourceRepositoryDigest to be 0000"),
        ("predicate_type", "https://slsa.dev/provenance/v0.2", "no attestations found with predicate type"),
    ],
)
def test_gh_refuses_another_identity(sealed: Sealed, option: str, value: str, why: str) -> None:
    code, said = gh(sealed, sealed.dist(WHEEL), f"{WHEEL}.intoto.jsonl", **{option: value})
    assert (code, why in said) == (1, True), said


@pytest.mark.peer("gh")
@pytest.mark.promise("R6")
@pytest.mark.promise("R15")
@pytest.mark.parametrize("name", FILES)
def test_gh_refuses_one_altered_bit(sealed: Sealed, tmp_path: Path, name: str) -> None:
    code, said = gh(sealed, altered(sealed.dist(name), tmp_path), f"{name}.intoto.jsonl")
    print("SAID", said)
    assert (code, 'verifying with issuer "tagseal rehearsal"' in said) == (1, True), said
