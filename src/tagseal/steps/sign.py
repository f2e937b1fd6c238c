"""Sign statements and files with Sigstore, and verify what was signed.

Does: checks that what is to be signed is this release's own, signs it keyless in the job's name, verifies each new
bundle against the expected signer, and converts those that the package index takes.
Reads: dist/*, SHA256SUMS, steps/verify-source/result.json, the statements of steps/provenance.
Writes: attestations/*.
Needs: the job's OIDC identity, Sigstore.
Spec: Sigstore bundle v0.3; DSSE; PEP 740.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tagseal.context import Context
from tagseal.core import record, signing_rules, sums
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import SourceFacts
from tagseal.core.signing_rules import MULTIPLE, STATEMENT_NOT_OURS, Ours
from tagseal.core.statement import PAYLOAD_TYPE
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.step import NoParams, Step

if TYPE_CHECKING:
    from tagseal.ports import ExpectedSigner

PRIVATE_REPOSITORY: Final = Code(
    id="private-repository-public-log",
    exit_code=ExitCode.USAGE,
    why="The transparency log is public for ever, and an entry names the repository, workflow and commit.",
    fix="Make the repository public before its first release; key mode for private projects is not in this version.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One file in attestations/."""

    name: str
    log_index: int
    """Of its entry in the transparency log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was signed, by whom."""

    signer: str
    """The certificates' SAN."""
    signer_digest: str
    """The certificates' Build Signer Digest: the builder's commit."""
    signed: tuple[Signed, ...]
    """Sorted by name."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A verified bundle and what its certificate says."""

    bundle: bytes
    signer_digest: str
    log_index: int


def run(ctx: Context, _: NoParams) -> Result:
    """Sign everything or nothing.

    Raises:
        TagsealError: `statement-not-ours`, `private-repository-public-log`, `signer-mismatch`, `bundle-invalid`,
            `fulcio-*`, `rekor-*`, `signature-self-check-failed`, `identity-*`, `service-*`.
    """
    ours, statements, sums_data = _gather(ctx)
    signing_rules.check_statements(statements, ours)
    expected = replace(ctx.adapters.trust.signer_of(ours.source), san=ours.builder_id)
    files = {**ours.digests, "SHA256SUMS": record.digest(sums_data)}
    ctx.progress.say(f"signing {len(statements)} statements and {len(files)} files")
    entries = {
        **_sign_statements(ctx, statements, expected),
        **_sign_files(ctx, files, expected),
    }
    outputs = _outputs(ctx, entries, statements, expected)
    for name, data in outputs.items():
        ctx.files.write(f"attestations/{name}", data)
    digests = {entry.signer_digest for entry in entries.values()}
    return Result(
        signer=ours.builder_id,
        signer_digest=digests.pop() if len(digests) == 1 else "",
        signed=tuple(Signed(name=name, log_index=entry.log_index) for name, entry in sorted(entries.items())),
        checks=_checks(ours, len(entries), len(outputs)),
    )


def _gather(ctx: Context) -> tuple[Ours, Mapping[str, bytes], bytes]:
    """Read what is to be signed; the files in hand must be the ones in SHA256SUMS."""
    sums_data = ctx.files.read("SHA256SUMS")
    digests = sums.parse(sums_data)
    found = ctx.files.digests([f"dist/{name}" for name in ctx.files.names("dist")])
    in_hand = {path.removeprefix("dist/"): digest for path, digest in found.items()}
    if different := sums.differences(digests, in_hand):
        raise TagsealError(STATEMENT_NOT_OURS, f"dist/ is not what SHA256SUMS says: {'; '.join(different)}.")
    claims, trust = ctx.adapters.identity.claims(), ctx.adapters.trust
    if claims.repository_visibility != "public":
        raise TagsealError(PRIVATE_REPOSITORY, f"{claims.repository} is {claims.repository_visibility}.")
    source = ctx.result(SourceFacts, "verify-source")
    ours = Ours(
        digests=digests,
        source=source,
        repository=f"{trust.server_url}/{source.repository}",
        builder_id=f"{trust.server_url}/{claims.job_workflow_ref}",
    )
    names = signing_rules.expected_names(digests)
    return ours, {name: ctx.files.read(f"steps/provenance/{name}") for name in names}, sums_data


def _sign_statements(ctx: Context, statements: Mapping[str, bytes], expected: ExpectedSigner) -> Mapping[str, _Entry]:
    """Sign; verify each bundle again; return statement's name -> entry."""
    bundles = ctx.adapters.signer.sign_statements(list(statements.values()))
    found = {}
    for (name, statement), bundle in zip(statements.items(), bundles, strict=True):
        found[name] = _verified(ctx, name, bundle, statement, expected)
    return found


def _verified(ctx: Context, name: str, bundle: bytes, statement: bytes, expected: ExpectedSigner) -> _Entry:
    verified = ctx.adapters.verifier.statement(bundle, expected)
    if verified.payload_type != PAYLOAD_TYPE or verified.payload != statement:
        raise TagsealError(STATEMENT_NOT_OURS, f"The signed {name} is not the statement that was to be signed.")
    return _Entry(
        bundle=bundle, signer_digest=verified.certificate.signer_digest, log_index=verified.certificate.log_index
    )


def _sign_files(ctx: Context, files: Mapping[str, str], expected: ExpectedSigner) -> Mapping[str, _Entry]:
    """Sign; verify each bundle again; return file's name -> entry."""
    bundles = ctx.adapters.signer.sign_files(list(files.values()))
    found = {}
    for (name, digest), bundle in zip(files.items(), bundles, strict=True):
        facts = ctx.adapters.verifier.file(bundle, digest, expected)
        found[name] = _Entry(bundle=bundle, signer_digest=facts.signer_digest, log_index=facts.log_index)
    return found


def _outputs(
    ctx: Context, entries: Mapping[str, _Entry], statements: Mapping[str, bytes], expected: ExpectedSigner
) -> Mapping[str, bytes]:
    """Return base name in attestations/ -> bytes; each PEP 740 object is converted back and verified."""
    found = {}
    for name, entry in entries.items():
        if name not in statements:
            found[f"{name}.sigstore.json"] = entry.bundle + b"\n"
            continue
        if name.endswith(".intoto.json"):
            found[f"{name}l"] = entry.bundle + b"\n"
        if name != MULTIPLE:
            attestation = ctx.adapters.verifier.to_pep740(entry.bundle)
            back = ctx.adapters.verifier.pep740_to_bundle(attestation)
            _verified(ctx, name, back, statements[name], expected)
            file = name.removesuffix(".intoto.json").removesuffix(".publish.json")
            kind = "slsa" if name.endswith(".intoto.json") else "publish"
            found[f"{file}.{kind}.attestation"] = attestation + b"\n"
    return found


def _checks(ours: Ours, signatures: int, outputs: int) -> tuple[Check, ...]:
    return (
        Check(
            code="statements-are-ours",
            verdict=Verdict.PASS,
            subject="steps/provenance",
            message=f"Every statement is about the {len(ours.digests)} files, the source and the builder of this run.",
        ),
        Check(
            code="signatures-verify",
            verdict=Verdict.PASS,
            subject=ours.builder_id,
            message=f"All {signatures} signatures, in {outputs} files, verify against the expected signer.",
        ),
    )


STEP: Final = Step(
    name="sign",
    summary="Sign statements and files with Sigstore, and verify what was signed.",
    params=NoParams,
    result=Result,
    run=run,
    reads=(
        "dist/*",
        "SHA256SUMS",
        "steps/verify-source/result.json",
        "steps/provenance/*.intoto.json",
        "steps/provenance/*.publish.json",
    ),
    writes=("attestations/*",),
    permissions={"id-token: write": "the signing certificate is issued to the job's identity"},
    network=True,
    needs="a release directory in which provenance has run; a job with an OIDC token; Sigstore",
    example="tagseal sign --release-dir release",
)
