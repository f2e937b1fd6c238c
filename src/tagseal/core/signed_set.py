"""The signed files of a release, verified together: one signer for all, each about exactly its file.

What is verified is handed in as bytes and the verifier as an object; nothing here reads a file or the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final, Generic, Protocol, TypeVar

from tagseal.core import public_verdict as verdict
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import SourceFacts
from tagseal.core.public_verdict import Certificate
from tagseal.core.sealed import (
    ALL_BUNDLE,
    FILE_BUNDLE_SUFFIX,
    PEP740_TYPES,
    PROVENANCE_SUFFIX,
    SUMS,
    SUMS_BUNDLE,
    check_statement,
)
from tagseal.core.statement import PROVENANCE, Statement, parse_statement
from tagseal.errors import ExitCode, TagsealError

E_contra = TypeVar("E_contra", contravariant=True)
E = TypeVar("E")

_VERIFIED: Final = MappingProxyType(
    {
        "sums-signature": "The signature over SHA256SUMS is the release's signer's.",
        "file-signature": "The signature over the file is the release's signer's.",
        "provenance": "The provenance is the release's signer's and names this source, builder and file.",
        "attestation": "The attestation is the release's signer's and names exactly this file.",
        "index-provenance": "The index hands out both attestations, and both verify.",
    }
)


class Payload(Protocol):
    """A verified statement."""

    @property
    def payload(self) -> bytes: ...


class Verifier(Protocol[E_contra]):
    """`ports.BundleVerifier`, as far as it is used here; `E_contra` says who must have signed."""

    def statement(self, bundle: bytes, expected: E_contra) -> Payload:
        """Verify a DSSE bundle."""

    def file(self, bundle: bytes, digest: str, expected: E_contra) -> Certificate:
        """Verify a bundle over a file of that digest."""

    def pep740_to_bundle(self, attestation: bytes) -> bytes:
        """Convert a PEP 740 object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the trust configuration says; both names empty: nothing is insisted on."""

    server_url: str
    builder_san: str
    builder_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed(Generic[E]):
    """What there is to verify."""

    source: SourceFacts
    trust: Trust
    sums_digest: str
    """`sha256:<hex>` of SHA256SUMS itself."""
    sealed: Mapping[str, str]
    """Name -> `sha256:<hex>`: the content of SHA256SUMS."""
    assets: Mapping[str, bytes]
    """Signed files as downloaded, by base name; those that could not be had are left out."""
    provenance: Mapping[str, bytes | None]
    """File name -> the index's provenance object; None where none was sent."""
    expected: E
    """Who must have signed SHA256SUMS."""
    pin: Callable[[Certificate], E]
    """Makes that exact: the very signer of SHA256SUMS must have signed the rest."""


class SignedSet(Generic[E]):
    """Verifies what was downloaded."""

    def __init__(self, verifier: Verifier[E], signed: Signed[E]) -> None:
        self._verifier = verifier
        self._signed = signed
        self._expected = signed.expected
        self.certificate: Certificate | None = None
        """The signer's; None until `all` has verified SHA256SUMS."""

    def all(self) -> tuple[Check, ...]:
        """Verify SHA256SUMS first; every other signature must be by the same signer."""
        first = self._check("sums-signature", SUMS, self._sums)
        if self.certificate is None:
            return (first,)
        trust, cert = self._signed.trust, self.certificate
        self._expected = self._signed.pin(cert)
        checks = [
            first,
            *verdict.judge_builder(
                cert, server_url=trust.server_url, named_san=trust.builder_san, named_digest=trust.builder_digest
            ),
            self._check("provenance", ALL_BUNDLE, partial(self._provenance, ALL_BUNDLE, self._signed.sealed)),
        ]
        for name, sha256 in sorted(self._signed.sealed.items()):
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
        if name in self._signed.provenance and self._signed.provenance[name] is None:
            return Check(
                code="index-provenance",
                verdict=Verdict.NOT_APPLICABLE,
                subject=name,
                message="The file was published without attestations: the index takes them with the upload and from "
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
        bundle = self._asset(SUMS_BUNDLE)
        self.certificate = self._verifier.file(bundle, self._signed.sums_digest, self._expected)

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
        found = verdict.attestations_of(self._signed.provenance.get(name) or b"{}")
        kinds = {self._statement(self._verifier.pep740_to_bundle(entry)).predicate_type: entry for entry in found}
        for kind in PEP740_TYPES.values():
            if kind not in kinds:
                raise TagsealError(verdict.PROVENANCE_OBJECT_INVALID, f"The index has no {kind} for {name}.")
            self._pep740(f"the index's attestation of {name}", kinds[kind], name, kind)

    def _pep740(self, what: str, attestation: bytes, name: str, kind: str) -> None:
        statement = self._statement(self._verifier.pep740_to_bundle(attestation))
        check_statement(what, statement, name=name, sha256=self._signed.sealed[name], predicate_type=kind)
        if kind == PROVENANCE:
            self._judge(what, statement)

    def _statement(self, bundle: bytes) -> Statement:
        return parse_statement(self._verifier.statement(bundle, self._expected).payload)

    def _judge(self, what: str, statement: Statement) -> None:
        faults = verdict.provenance_faults(
            statement.predicate,
            builder_id=self.certificate.san if self.certificate else "",
            source=self._signed.source,
            server_url=self._signed.trust.server_url,
        )
        if statement.predicate_type != PROVENANCE:
            faults = (f"its type is {statement.predicate_type}", *faults)
        if faults:
            raise TagsealError(verdict.PROVENANCE_DIFFERS, f"{what}: {'; '.join(faults)}.")

    def _asset(self, name: str) -> bytes:
        if name not in self._signed.assets:
            raise TagsealError(verdict.CHANNELS_DIFFER, f"{name} cannot be had from the forge's release.")
        return self._signed.assets[name]
