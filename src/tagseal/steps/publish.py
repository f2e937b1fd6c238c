"""Upload the sealed files with their attestations to the package index.

Does:    checks that every file is sealed (sums, signature over the sums, both PEP 740 attestations of each file),
         compares with what the index has by digest, then uploads what is missing; a re-run finishes a cut one
Reads:   dist/*, attestations/*, SHA256SUMS, results of verify-source and inspect
Writes:  nothing but its result: one receipt per file
Needs:   an OIDC identity (Trusted Publishing) or an API token; the network
Spec:    PEP 691 (listing), PEP 740 (attestations), the index's legacy upload API
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tagseal.context import Context
from tagseal.core import sums
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import InspectFacts, SourceFacts, Sum
from tagseal.core.public_facts import PublishFacts, UploadReceipt
from tagseal.core.publish_plan import (
    ALREADY_THERE,
    FILE_EXISTS_WITH_OTHER_BYTES,
    UPLOAD,
    Listed,
    Planned,
    plan,
)
from tagseal.core.sealed import PEP740_TYPES, SUMS, SUMS_BUNDLE, check_set, check_statement
from tagseal.core.statement import parse_statement
from tagseal.errors import TagsealError
from tagseal.ports import IndexFile
from tagseal.secret import Secret
from tagseal.step import Step, option

TOKEN_FRESH_FOR: Final = timedelta(minutes=10)  # upload tokens live for fifteen
_EXPIRED: Final = "upload-token-expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Inputs of `publish`."""

    api_token: Secret | None = field(
        default=None,
        metadata=option(
            "API token of the index, for projects without Trusted Publishing; no attestations are uploaded with it.",
            secret_env="TAGSEAL_API_TOKEN",  # noqa: S106 - the variable's name
        ),
    )


class _Token:
    """The upload token: minted when first needed, again before it expires, burnt when replaced or done with."""

    def __init__(self, ctx: Context, given: Secret | None) -> None:
        self._ctx = ctx
        self._given = given
        self._minted: Secret | None = None
        self._since: datetime | None = None

    def get(self) -> Secret:
        """Return a token that is good for minutes."""
        if self._given is not None:
            return self._given
        now = self._ctx.adapters.clock.now()
        if self._since is None or now - self._since > TOKEN_FRESH_FOR:
            self.burn()
        if self._minted is None:
            self._minted = self._ctx.adapters.index.mint(self._ctx.adapters.identity)
            self._since = now
        return self._minted

    def burn(self) -> None:
        """Make the minted token useless."""
        if self._minted is not None:
            self._ctx.adapters.index.burn(self._minted)
            self._minted = None


def run(ctx: Context, params: Params) -> PublishFacts:
    """Publish.

    Raises:
        TagsealError: `not-sealed`, `file-exists-with-other-bytes`, `upload-*`, `publisher-refused`,
            `trusted-publishing-not-enabled`, `token-reused`, `identity-*`, `service-*`.
    """
    source = ctx.result(SourceFacts, "verify-source")
    package = ctx.result(InspectFacts, "inspect").package
    sealed = _sealed(ctx, source)
    index = ctx.adapters.index
    planned = plan(sealed, [Listed(name=f.name, sha256=f.sha256, url=f.url) for f in index.files(package)])
    token = _Token(ctx, params.api_token)
    try:
        for file in planned:
            if file.action == UPLOAD:
                _upload(ctx, file, token, with_attestations=params.api_token is None)
            ctx.progress.say(f"{file.name}: {file.action}")
    finally:
        token.burn()
    receipts = _receipts(planned, {file.name: file for file in index.files(package)}, params)
    checks = (_check(receipt, wants_attestations=params.api_token is None) for receipt in receipts)
    return PublishFacts(index=index.name, receipts=receipts, checks=(_credential(params), *checks))


def _sealed(ctx: Context, source: SourceFacts) -> tuple[Sum, ...]:
    """Return the files to publish after checking that all of them are sealed; nothing is sent before."""
    listed = sums.parse(ctx.files.read(SUMS))
    names = ctx.files.names("dist")
    digests = ctx.files.digests([f"dist/{name}" for name in names])
    found = tuple(Sum(name=name, sha256=digest, size_bytes=0) for name, digest in sorted(listed.items()))
    check_set(found, {name: digests[f"dist/{name}"] for name in names}, ctx.files.names("attestations"))
    expected, verifier = ctx.adapters.trust.signer_of(source), ctx.adapters.verifier
    signature = ctx.files.read(f"attestations/{SUMS_BUNDLE}")
    verifier.file(signature, ctx.files.digests([SUMS])[SUMS], expected)
    for file in found:
        for suffix, kind in PEP740_TYPES.items():
            signed = f"attestations/{file.name}{suffix}"
            bundle = verifier.pep740_to_bundle(ctx.files.read(signed))
            statement = parse_statement(verifier.statement(bundle, expected).payload)
            check_statement(signed, statement, name=file.name, sha256=file.sha256, predicate_type=kind)
    return found


def _upload(ctx: Context, file: Planned, token: _Token, *, with_attestations: bool) -> None:
    path = ctx.files.path(f"dist/{file.name}")
    attestations: list[Path] = []
    if with_attestations:
        attestations = [ctx.files.path(f"attestations/{file.name}{suffix}") for suffix in PEP740_TYPES]
    try:
        ctx.adapters.index.upload(path, attestations, token.get())
    except TagsealError as error:
        if error.code.id != _EXPIRED or not with_attestations:
            raise
        token.burn()
        ctx.adapters.index.upload(path, attestations, token.get())


def _receipts(
    planned: tuple[Planned, ...], listed: Mapping[str, IndexFile], params: Params
) -> tuple[UploadReceipt, ...]:
    """Return one receipt per file; a page that is not up to date yet leaves the address empty."""
    found = []
    for file in planned:
        there = listed.get(file.name)
        if there is not None and there.sha256 != file.sha256:
            what = f"{file.name} is {there.sha256} on the index after the upload and {file.sha256} here."
            raise TagsealError(FILE_EXISTS_WITH_OTHER_BYTES, what)
        sent = len(PEP740_TYPES) if file.action == UPLOAD and params.api_token is None else 0
        has_provenance = there is not None and bool(there.provenance_url)
        found.append(
            UploadReceipt(
                name=file.name,
                sha256=file.sha256,
                action=file.action,
                url=there.url if there is not None else file.url,
                attestations=len(PEP740_TYPES) if has_provenance else sent,
            )
        )
    return tuple(found)


def _credential(params: Params) -> Check:
    kind = "Trusted Publishing" if params.api_token is None else "an API token"
    return Check(
        code="publish-credential", verdict=Verdict.PASS, subject="index", message=f"The files were sent with {kind}."
    )


def _check(receipt: UploadReceipt, *, wants_attestations: bool) -> Check:
    """Judge one file; attestations cannot be added to a file that is there already."""
    lacks = wants_attestations and not receipt.attestations
    done = "was there with the same bytes" if receipt.action == ALREADY_THERE else "was uploaded"
    return Check(
        code="file-published",
        verdict=Verdict.UNKNOWN if lacks else Verdict.PASS,
        subject=receipt.name,
        message=f"The file {done}; {receipt.attestations} attestations are with it.",
        evidence=receipt.sha256,
    )


STEP: Final = Step(
    name="publish",
    summary="Upload the sealed files with their attestations to the package index.",
    params=Params,
    result=PublishFacts,
    run=run,
    reads=(
        "dist/*",
        "attestations/*",
        "SHA256SUMS",
        "steps/verify-source/result.json",
        "steps/inspect/result.json",
    ),
    permissions={"id-token: write": "to exchange the job's identity for an upload token (Trusted Publishing)"},
    network=True,
    needs="the sealed release directory; the index must know this workflow as a trusted publisher",
    example="tagseal publish --release-dir release",
)
