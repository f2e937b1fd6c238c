"""Verdicts on what the public can download: sets and digests, the signer, and what the provenance says.

Signatures are checked before anything gets here; these rules compare verified content with the source facts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import SourceFacts
from tagseal.errors import Code, ExitCode, TagsealError

CHANNELS_DIFFER: Final = Code(
    id="channels-differ",
    exit_code=ExitCode.FAIL,
    why="People who download from different places would get different files under one name and version.",
    fix="Do not publish the draft. Find out which side changed, yank the version on the index and release a new one.",
)
NOTHING_VERIFIED: Final = Code(
    id="nothing-verified",
    exit_code=ExitCode.FAIL,
    why="A verifier that looked at nothing has shown nothing.",
    fix="Check that the release has files, and that SHA256SUMS is this release's.",
)
BUILDER_NOT_OURS: Final = Code(
    id="builder-not-ours",
    exit_code=ExitCode.FAIL,
    why="Only the isolated workflow's signature says that the files were built apart from the project's own jobs.",
    fix="Release through tagseal's seal.yml; do not sign in the caller's own jobs.",
)
PROVENANCE_DIFFERS: Final = Code(
    id="provenance-differs",
    exit_code=ExitCode.FAIL,
    why="The provenance is signed but tells of another source or builder than this release's.",
    fix="Do not publish it; find out where the provenance comes from and run the release again.",
)
PROVENANCE_OBJECT_INVALID: Final = Code(
    id="provenance-object-invalid",
    exit_code=ExitCode.FAIL,
    why="Installers that ask the index for attestations get something that no client can verify.",
    fix="Report it to the index; the signed files of the forge's release page are not concerned.",
)

_MAX_ATTESTATIONS: Final = 20


class Certificate(Protocol):
    """The part of `ports.CertificateFacts` that the rules here read."""

    @property
    def san(self) -> str: ...
    @property
    def signer_digest(self) -> str: ...
    @property
    def runner_environment(self) -> str: ...


def is_seal_workflow(san: str, server_url: str) -> bool:
    """Tell whether a SAN is some tagseal's seal workflow on that forge: `<server>/<owner>/tagseal/…/seal.yml@<ref>`."""
    pattern = rf"{re.escape(server_url)}/[A-Za-z0-9-]+/tagseal/\.github/workflows/seal\.yml@[!-~]+"
    return re.fullmatch(pattern, san) is not None


def judge_builder(cert: Certificate, *, server_url: str, named_san: str, named_digest: str) -> tuple[Check, ...]:
    """Judge who signed: the workflow, its commit, and the runner it ran on.

    `named_san` and `named_digest` are what the trust configuration insists on (empty: nothing); they were compared
    when the signature was checked. A name alone can be pointed at other code, so without a digest it is UNKNOWN.
    """
    ours = bool(named_san) or is_seal_workflow(cert.san, server_url)
    hosted = cert.runner_environment == "github-hosted"
    return (
        Check(
            code="builder" if ours else BUILDER_NOT_OURS.id,
            verdict=Verdict.PASS if ours else Verdict.FAIL,
            subject=cert.san,
            message="The release was signed by the seal workflow." if ours else "It was signed by another workflow.",
            evidence=cert.san,
        ),
        Check(
            code="builder-commit",
            verdict=Verdict.PASS if named_digest else Verdict.UNKNOWN,
            subject=cert.san,
            message="The workflow's code is the commit that the trust configuration names."
            if named_digest
            else "No trusted commit of the seal workflow was named, so its name is all that is known of its code.",
            evidence=cert.signer_digest,
        ),
        Check(
            code="builder-runner",
            verdict=Verdict.PASS if hosted else Verdict.FAIL,
            subject=cert.san,
            message=f"The signing job ran on a {cert.runner_environment or 'nameless'} runner.",
            evidence=cert.runner_environment,
        ),
    )


def judge_digest(name: str, sealed: str, found: Mapping[str, str]) -> Check:
    """Compare one file's sealed digest with what each channel handed out (channel -> `sha256:<hex>`)."""
    wrong = [f"{channel} has {digest}" for channel, digest in sorted(found.items()) if digest != sealed]
    if wrong:
        message = f"{'; '.join(wrong)}; SHA256SUMS says {sealed}."
        return Check(code=CHANNELS_DIFFER.id, verdict=Verdict.FAIL, subject=name, message=message, evidence=sealed)
    where = " and ".join(sorted(found))
    return Check(
        code="channels-equal",
        verdict=Verdict.PASS,
        subject=name,
        message=f"The bytes are those of SHA256SUMS on {where}.",
        evidence=sealed,
    )


def judge_names(channel: str, expected: Collection[str], found: Collection[str]) -> tuple[Check, ...]:
    """Return a FAIL for every name that only one side has, or one PASS."""
    different = [
        Check(
            code=CHANNELS_DIFFER.id,
            verdict=Verdict.FAIL,
            subject=name,
            message=f"{channel} has {name}, which is not a file of this release."
            if name in found
            else f"{channel} lacks {name}.",
        )
        for name in sorted(set(expected) ^ set(found))
    ]
    whole = Check(
        code="channel-complete",
        verdict=Verdict.PASS,
        subject=channel,
        message=f"{channel} has exactly the {len(expected)} files of this release.",
    )
    return tuple(different) or (whole,)


def provenance_faults(
    predicate: Mapping[str, Json] | None, *, builder_id: str, source: SourceFacts, server_url: str
) -> tuple[str, ...]:
    """Return what a verified SLSA v1 predicate says differently from the certificate and the source facts."""
    repository = f"{server_url}/{source.repository}"
    expected: tuple[tuple[tuple[str | int, ...], str], ...] = (
        (("runDetails", "builder", "id"), builder_id),
        (("buildDefinition", "externalParameters", "source", "repository"), repository),
        (("buildDefinition", "externalParameters", "source", "tag"), source.tag),
        (("buildDefinition", "externalParameters", "source", "ref"), f"refs/tags/{source.tag}"),
        (("buildDefinition", "externalParameters", "lock", "digest", "sha256"), _hex(source.lock_digest)),
        (("buildDefinition", "externalParameters", "policy", "digest", "sha256"), _hex(source.policy_digest)),
        (("buildDefinition", "resolvedDependencies", 0, "digest", "gitCommit"), source.commit),
    )
    faults = []
    for path, value in expected:
        claimed = _at(predicate, path)
        if claimed != value:
            faults.append(f"{'.'.join(map(str, path))} is {claimed!r}, not {value!r}")
    return tuple(faults)


def attestations_of(provenance: bytes) -> tuple[bytes, ...]:
    """Return the PEP 740 attestation objects in an index's provenance object (PEP 740, "Provenance objects").

    Raises:
        TagsealError: `json-invalid`, `provenance-object-invalid`.
    """
    body = canonical.parse(provenance)
    bundles = body.get("attestation_bundles") if isinstance(body, dict) else None
    if not isinstance(body, dict) or body.get("version") != 1 or not isinstance(bundles, list):
        raise TagsealError(PROVENANCE_OBJECT_INVALID, "The index's provenance object is not of version 1.")
    found: list[bytes] = []
    for bundle in bundles:
        attestations = bundle.get("attestations") if isinstance(bundle, dict) else None
        if not isinstance(attestations, list):
            raise TagsealError(PROVENANCE_OBJECT_INVALID, "A bundle of the provenance object has no attestations.")
        found.extend(canonical.dump(entry) for entry in attestations)
    if not 0 < len(found) <= _MAX_ATTESTATIONS:
        raise TagsealError(PROVENANCE_OBJECT_INVALID, f"The provenance object holds {len(found)} attestations.")
    return tuple(found)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _at(value: Json, path: tuple[str | int, ...]) -> Json:
    for key in path:
        if isinstance(key, str) and isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(key, int) and isinstance(value, list) and len(value) > key:
            value = value[key]
        else:
            return None
    return value
