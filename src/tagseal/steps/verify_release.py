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
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from tagseal import ports
from tagseal.context import Context
from tagseal.core import public_verdict as verdict
from tagseal.core import sums
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import InspectFacts, SourceFacts, Sum
from tagseal.core.public_facts import PublishFacts, VerifyFacts
from tagseal.core.release_files import of_release
from tagseal.core.release_plan import EVIDENCE
from tagseal.core.sealed import SUMS, signed_names
from tagseal.core.signed_set import Signed, SignedSet, Trust
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.step import Step, option

NOT_PUBLIC_YET: Final = Code(
    id="not-public-yet",
    exit_code=ExitCode.SERVICE,
    why="What cannot be downloaded cannot be verified, and the release stays a draft until it is.",
    fix="Run the step again in some minutes; the index's caches can be late.",
)

MAX_SIGNED_BYTES: Final = 32 * 2**20


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
        signer = _signed(ctx, source, sealed, public)
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

    def _note_index(self, file: ports.IndexFile, path: Path) -> None:
        if file.sha256 != self._sealed[file.name]:  # the listing alone shows the difference
            self._digests.setdefault(file.name, {})["the index"] = file.sha256
            return
        self._ctx.adapters.index.download(file, path)
        self._note("the index", file.name, path)

    def _listing(self) -> Mapping[str, ports.IndexFile]:
        """Return the project's files; absence is waited for, a different digest is not."""
        package = self._ctx.result(InspectFacts, "inspect").package
        while True:
            listed = {file.name: file for file in self._ctx.adapters.index.files(package)}
            missing = sorted(self._sealed.keys() - listed.keys())
            differs = any(n in listed and listed[n].sha256 != digest for n, digest in self._sealed.items())
            if not missing or differs:
                return listed
            self._wait(f"the index does not show {missing[0]}")

    def _provenance(self, file: ports.IndexFile) -> bytes:
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


def _signed(
    ctx: Context, source: SourceFacts, sealed: Mapping[str, str], public: _Public
) -> SignedSet[ports.ExpectedSigner]:
    """Return the signed files as downloaded, ready to be verified."""
    trust = ctx.adapters.trust
    expected = trust.signer_of(source)
    small = {name: path for name, path in public.assets.items() if path.stat().st_size <= MAX_SIGNED_BYTES}
    return SignedSet(
        ctx.adapters.verifier,
        Signed(
            source=source,
            trust=Trust(
                server_url=trust.server_url, builder_san=trust.builder_san, builder_digest=trust.builder_digest
            ),
            sums_digest=ctx.files.digests([SUMS])[SUMS],
            sealed=sealed,
            assets={name: path.read_bytes() for name, path in small.items() if name in signed_names(sealed)},
            provenance=public.provenance,
            expected=expected,
            pin=lambda cert: replace(expected, san=cert.san, signer_digest=cert.signer_digest),
        ),
    )


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
