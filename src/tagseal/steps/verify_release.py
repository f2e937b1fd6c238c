"""Verify what the public can download against what was sealed.

Does:    downloads every file and attestation from the index and every asset from the forge; compares sets and digests
         with SHA256SUMS; verifies every signature and every provenance against the source facts
Reads:   SHA256SUMS, results of verify-source, inspect and publish
Writes:  nothing but its result
Needs:   the network; a token while the forge's release is still a draft
Spec:    PEP 691, PEP 740, SLSA Provenance v1; promise rows R10, R24, R27
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tagseal.context import Context
from tagseal.core import public_verdict as verdict
from tagseal.core import sums
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import InspectFacts, PublishFacts, SourceFacts, Sum, VerifyFacts
from tagseal.core.release_files import of_release
from tagseal.core.release_plan import EVIDENCE
from tagseal.core.sealed import (
    ALL_BUNDLE,
    FILE_BUNDLE_SUFFIX,
    PEP740_TYPES,
    PROVENANCE_SUFFIX,
    SUMS,
    SUMS_BUNDLE,
    check_statement,
    signed_names,
)
from tagseal.core.statement import PROVENANCE, Statement, parse_statement
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import CertificateFacts, ExpectedSigner, IndexFile
from tagseal.step import Step, option

NOT_PUBLIC_YET: Final = Code(
    id="not-public-yet",
    exit_code=ExitCode.SERVICE,
    why="What cannot be downloaded cannot be verified, and the release stays a draft until it is.",
    fix="Run the step again in some minutes; the index's caches can be late.",
)

MAX_SIGNED_BYTES: Final = 32 * 2**20
_VERIFIED: Final = MappingProxyType(
    {
        "sums-signature": "The signature over SHA256SUMS is the release's signer's.",
        "file-signature": "The signature over the file is the release's signer's.",
        "provenance": "The provenance is the release's signer's and names this source, builder and file.",
        "attestation": "The attestation is the release's signer's and names exactly this file.",
        "index-provenance": "The index hands out both attestations, and both verify.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Inputs of `verify-release`."""

    wait_s: int = field(
        default=900, metadata=option("Seconds to wait for files that the index does not show yet; 0: do not wait.")
    )
    poll_s: int = field(default=10, metadata=option("Seconds between two looks at the index."))


def run(ctx: Context, params: Params) -> VerifyFacts:
    """Verify; findings are returned as checks.

    Raises:
        TagsealError: `not-public-yet`, `release-file-missing`, `several-releases`, `forge-refused`, `service-*`.
    """
    source = ctx.result(SourceFacts, "verify-source")
    sealed = sums.parse(ctx.files.read(SUMS))
    with tempfile.TemporaryDirectory(prefix="tagseal-verify-") as folder:
        public = _Public(ctx, source, sealed, Path(folder), params)
        checks = [*public.from_forge(), *public.from_index()]
        signer = _Signatures(ctx, source, sealed, public)
        checks += [*public.equal(), *signer.all()]
    same = {check.subject for check in checks if check.code == "channels-equal"}
    files = tuple(
        Sum(name=name, sha256=sha256, size_bytes=public.sizes[name]) for name, sha256 in sealed.items() if name in same
    )
    if not files or signer.certificate is None:
        checks.append(
            Check(
                code=verdict.NOTHING_VERIFIED.id,
                verdict=Verdict.FAIL,
                subject=source.tag,
                message="No file of this release could be verified.",
            )
        )
    ctx.progress.say(f"{len(files)} of {len(sealed)} files are equal on all channels")
    cert = signer.certificate
    return VerifyFacts(
        index=ctx.adapters.index.name,
        files=files,
        builder_id=cert.san if cert else "",
        builder_digest=cert.signer_digest if cert else "",
        checks=tuple(checks),
    )


class _Public:
    """Everything the public can get, downloaded into a folder of ours."""

    def __init__(
        self, ctx: Context, source: SourceFacts, sealed: Mapping[str, str], folder: Path, params: Params
    ) -> None:
        self._ctx = ctx
        self._source = source
        self._sealed = sealed
        self._folder = folder
        self._poll_s = params.poll_s
        self._until = ctx.adapters.clock.now() + timedelta(seconds=params.wait_s)
        self._digests: dict[str, dict[str, str]] = {}
        self.assets: dict[str, Path] = {}
        """Asset name -> the file downloaded from the forge."""
        self.provenance: dict[str, bytes | None] = {}
        """File name -> the index's provenance object; None where publish sent no attestations."""
        self.sizes: dict[str, int] = {}

    def from_forge(self) -> tuple[Check, ...]:
        """Download every asset; a draft's with the token, a published release's without one."""
        forge = self._ctx.adapters.forge
        release = forge.release(self._source.tag)
        if release is None:
            raise TagsealError(NOT_PUBLIC_YET, f"The forge has no release or draft for {self._source.tag}.")
        expected = {*self._sealed, *signed_names(self._sealed), SUMS}
        assets = [asset for asset in release.assets if asset.name in expected and asset.is_complete]
        for number, asset in enumerate(assets):
            path = self._folder / f"forge-{number}"
            forge.download_asset(asset, path, as_public=not release.is_draft)
            self.assets[asset.name] = path
            self._note("the forge", asset.name, path)
            if asset.name in self._sealed:
                self.sizes[asset.name] = path.stat().st_size
        found = {asset.name for asset in release.assets} - set(EVIDENCE)
        return verdict.judge_names("The forge's release", expected, found)

    def from_index(self) -> tuple[Check, ...]:
        """Download every file of the release and its provenance object; wait for what is not there yet."""
        listed = self._listing()
        here = of_release(listed, self._source.version)
        sent = {r.name: r.attestations for r in self._ctx.result(PublishFacts, "publish").receipts}
        for number, name in enumerate(sorted(here & set(self._sealed))):
            path = self._folder / f"index-{number}"
            self._note_index(listed[name], path)
            self.provenance[name] = self._provenance(listed[name]) if sent.get(name) else None
        return verdict.judge_names("The index", self._sealed, here)

    def equal(self) -> tuple[Check, ...]:
        """Compare each sealed file, and SHA256SUMS itself, on every channel that has it."""
        sealed = {**self._sealed, SUMS: self._ctx.files.digests([SUMS])[SUMS]}
        return tuple(
            verdict.judge_digest(name, sealed[name], self._digests[name])
            for name in sorted(sealed)
            if self._digests.get(name)
        )

    def _note(self, channel: str, name: str, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._digests.setdefault(name, {})[channel] = f"sha256:{digest}"

    def _note_index(self, file: IndexFile, path: Path) -> None:
        if file.sha256 != self._sealed[file.name]:  # the listing alone shows the difference
            self._digests.setdefault(file.name, {})["the index"] = file.sha256
            return
        self._ctx.adapters.index.download(file, path)
        self._note("the index", file.name, path)

    def _listing(self) -> Mapping[str, IndexFile]:
        """Return the project's files; absence is waited for, a different digest is not."""
        package = self._ctx.result(InspectFacts, "inspect").package
        while True:
            listed = {file.name: file for file in self._ctx.adapters.index.files(package)}
            missing = sorted(self._sealed.keys() - listed.keys())
            differs = any(n in listed and listed[n].sha256 != digest for n, digest in self._sealed.items())
            if not missing or differs:
                return listed
            self._wait(f"the index does not show {missing[0]}")

    def _provenance(self, file: IndexFile) -> bytes:
        while True:
            found = self._ctx.adapters.index.provenance(file)
            if found is not None:
                return found
            self._wait(f"the index does not show the attestations of {file.name}")
            file = self._listing().get(file.name, file)

    def _wait(self, what: str) -> None:
        clock = self._ctx.adapters.clock
        if clock.now() >= self._until:
            raise TagsealError(NOT_PUBLIC_YET, f"After the whole waiting time {what}.")
        self._ctx.progress.say(f"waiting: {what}")
        clock.sleep(self._poll_s)


class _Signatures:
    """Verifies what was downloaded."""

    def __init__(self, ctx: Context, source: SourceFacts, sealed: Mapping[str, str], public: _Public) -> None:
        self._ctx = ctx
        self._source = source
        self._sealed = sealed
        self._public = public
        self._verifier = ctx.adapters.verifier
        self._expected: ExpectedSigner = ctx.adapters.trust.signer_of(source)
        self.certificate: CertificateFacts | None = None

    def all(self) -> tuple[Check, ...]:
        """Verify SHA256SUMS first; every other signature must be by the same signer."""
        first = self._check("sums-signature", SUMS, self._sums)
        if self.certificate is None:
            return (first,)
        trust, cert = self._ctx.adapters.trust, self.certificate
        self._expected = replace(self._expected, san=cert.san, signer_digest=cert.signer_digest)
        checks = [
            first,
            *verdict.judge_builder(
                cert, server_url=trust.server_url, named_san=trust.builder_san, named_digest=trust.builder_digest
            ),
            self._check("provenance", ALL_BUNDLE, lambda: self._provenance(ALL_BUNDLE, self._sealed)),
        ]
        for name, sha256 in sorted(self._sealed.items()):
            checks += self._of_file(name, sha256)
        return tuple(checks)

    def _of_file(self, name: str, sha256: str) -> tuple[Check, ...]:
        line = f"{name}{PROVENANCE_SUFFIX}"
        attestations = (
            self._check("attestation", f"{name}{suffix}", partial(self._attestation, name, suffix))
            for suffix in PEP740_TYPES
        )
        return (
            self._check("file-signature", name, lambda: self._file(f"{name}{FILE_BUNDLE_SUFFIX}", sha256)),
            self._check("provenance", line, lambda: self._provenance(line, {name: sha256})),
            *attestations,
            self._index_provenance(name),
        )

    def _index_provenance(self, name: str) -> Check:
        if name in self._public.provenance and self._public.provenance[name] is None:
            return Check(
                code="index-provenance",
                verdict=Verdict.NOT_APPLICABLE,
                subject=name,
                message="The file was published with an API token, and the index takes attestations from "
                "Trusted Publishing alone; they are on the forge's release.",
            )
        return self._check("index-provenance", name, lambda: self._from_index(name))

    def _check(self, code: str, subject: str, verify: Callable[[], None]) -> Check:
        """Run one verification; what it raises as a verdict becomes a FAIL with that error's code."""
        try:
            verify()
        except TagsealError as error:
            if error.exit_code is not ExitCode.FAIL:
                raise
            return Check(code=error.code.id, verdict=Verdict.FAIL, subject=subject, message=error.what)
        return Check(code=code, verdict=Verdict.PASS, subject=subject, message=_VERIFIED[code])

    def _sums(self) -> None:
        digest = self._ctx.files.digests([SUMS])[SUMS]
        self.certificate = self._verifier.file(self._asset(SUMS_BUNDLE), digest, self._expected)

    def _file(self, bundle: str, sha256: str) -> None:
        self._verifier.file(self._asset(bundle), sha256, self._expected)

    def _provenance(self, name: str, subjects: Mapping[str, str]) -> None:
        """Verify each line of a JSON-lines file: one bundle with a provenance of exactly these subjects."""
        for line in self._asset(name).splitlines():
            statement = self._statement(line)
            if {s.name: s.sha256 for s in statement.subjects} != dict(subjects):
                raise TagsealError(
                    verdict.PROVENANCE_DIFFERS, f"{name} attests other files than {', '.join(subjects)}."
                )
            self._judge(name, statement)

    def _attestation(self, name: str, suffix: str) -> None:
        asset = f"{name}{suffix}"
        self._pep740(asset, self._asset(asset), name, PEP740_TYPES[suffix])

    def _from_index(self, name: str) -> None:
        found = verdict.attestations_of(self._public.provenance.get(name) or b"{}")
        kinds = {self._statement(self._verifier.pep740_to_bundle(entry)).predicate_type: entry for entry in found}
        for kind in PEP740_TYPES.values():
            if kind not in kinds:
                raise TagsealError(verdict.PROVENANCE_OBJECT_INVALID, f"The index has no {kind} for {name}.")
            self._pep740(f"the index's attestation of {name}", kinds[kind], name, kind)

    def _pep740(self, what: str, attestation: bytes, name: str, kind: str) -> None:
        statement = self._statement(self._verifier.pep740_to_bundle(attestation))
        check_statement(what, statement, name=name, sha256=self._sealed[name], predicate_type=kind)
        if kind == PROVENANCE:
            self._judge(what, statement)

    def _statement(self, bundle: bytes) -> Statement:
        return parse_statement(self._verifier.statement(bundle, self._expected).payload)

    def _judge(self, what: str, statement: Statement) -> None:
        faults = verdict.provenance_faults(
            statement.predicate,
            builder_id=self._expected.san or "",
            source=self._source,
            server_url=self._ctx.adapters.trust.server_url,
        )
        if statement.predicate_type != PROVENANCE:
            faults = (f"its type is {statement.predicate_type}", *faults)
        if faults:
            raise TagsealError(verdict.PROVENANCE_DIFFERS, f"{what}: {'; '.join(faults)}.")

    def _asset(self, name: str) -> bytes:
        path = self._public.assets.get(name)
        if path is None or path.stat().st_size > MAX_SIGNED_BYTES:
            raise TagsealError(verdict.CHANNELS_DIFFER, f"{name} cannot be had from the forge's release.")
        return path.read_bytes()


STEP: Final = Step(
    name="verify-release",
    summary="Verify what the public can download against what was sealed.",
    params=Params,
    result=VerifyFacts,
    run=run,
    reads=(
        "SHA256SUMS",
        "steps/verify-source/result.json",
        "steps/inspect/result.json",
        "steps/publish/result.json",
    ),
    permissions={"contents: write": "the forge shows a draft only to those who may write"},
    network=True,
    needs="a published set of files on the index and a draft or release on the forge",
    example="tagseal verify-release --release-dir release",
)
