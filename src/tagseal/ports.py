"""One Protocol per outside world. Only adapters implement these and do IO; steps see nothing else.

Every method raises only `TagsealError`; every network call has a timeout, a byte limit and bounded retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tagseal.core.facts import Requirement
from tagseal.port_types import (
    CertificateFacts,
    ExpectedSigner,
    ForgeAsset,
    ForgeRelease,
    GitState,
    IndexFile,
    RefRead,
    SandboxInput,
    SandboxJob,
    SandboxLimits,
    SandboxOutcome,
    SignatureRead,
    TreeEntry,
    TrustedKey,
    VerifiedStatement,
    WorkflowClaims,
)
from tagseal.secret import Secret

__all__ = [
    "BundleVerifier",
    "CertificateFacts",
    "Clock",
    "ExpectedSigner",
    "Files",
    "Forge",
    "ForgeAsset",
    "ForgeRelease",
    "Git",
    "GitState",
    "Identity",
    "Index",
    "IndexFile",
    "Progress",
    "RefRead",
    "Requirements",
    "Sandbox",
    "SandboxInput",
    "SandboxJob",
    "SandboxLimits",
    "SandboxOutcome",
    "SignatureChecker",
    "SignatureRead",
    "Signer",
    "TreeEntry",
    "TrustedKey",
    "VerifiedStatement",
    "WorkflowClaims",
]


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Progress(Protocol):
    """What a person watching sees; silent when nobody does."""

    def say(self, text: str) -> None:
        """Show one line of progress."""


class Git(Protocol):
    """One repository, read with replace objects, hooks and the user's configuration switched off."""

    def state(self, *, ignoring: Path | None = None) -> GitState:
        """Return the checkout's state; untracked files below `ignoring` are left out.

        Raises: not-a-repository, no-commits.
        """

    def read_tag(self, tag: str) -> RefRead | None:
        """Return what `refs/tags/<tag>` points at, or None when there is no such tag."""

    def commit_time_s(self, commit: str) -> int:
        """Return the committer time of `commit` in seconds since the epoch."""

    def is_ancestor(self, commit: str, ref: str) -> bool:
        """Tell whether `commit` can be reached from `ref` (for example `refs/remotes/origin/main`)."""

    def resolve(self, ref: str) -> str | None:
        """Return the commit id a full ref name points at, or None."""

    def default_branch(self) -> str | None:
        """Return the remote's default branch (`origin/HEAD`), else the only or current local branch, or None."""

    def tree(self, commit: str) -> tuple[TreeEntry, ...]:
        """Return every file of the commit's tree, sorted by path."""

    def blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the raw contents (no smudge, no end-of-line change) of those paths that exist."""

    def blob_digests(self, commit: str) -> Mapping[str, str]:
        """Return path -> `sha256:<hex>` of the raw content of every file (symlinks: of the target)."""

    def export(self, commit: str, dest: Path) -> None:
        """Write a clean copy of the commit's tree to `dest`: raw blobs, git's modes, no `.git`."""

    def remote_repository(self) -> str | None:
        """Return `owner/name` of the `origin` remote when it is a GitHub address, or None."""


class SignatureChecker(Protocol):
    """Verifies detached signatures against given keys and nothing else: no keyring, no agent, no home."""

    def check(self, payload: bytes, signature: bytes, keys: Sequence[TrustedKey], *, at: datetime) -> SignatureRead:
        """Check an SSH (namespace `git`) or OpenPGP signature as it stands in a git object, at time `at`.

        Raises: signature-tool-missing, signature-unreadable.
        """


class Sandbox(Protocol):
    """Where project code runs (design section 5)."""

    kind: str
    """`docker`, `namespaces` or `process`."""
    image: str
    """Image digest for `docker`, else empty."""

    def interpreter(self) -> str:
        """Return for example `CPython 3.13.5 x86_64`."""

    def run(self, job: SandboxJob, dest: Path) -> SandboxOutcome:
        """Probe, run the job, and write the regular files of `collect` (flat names only) to `dest`.

        Raises: sandbox-unavailable; never for what the job itself does.
        """


class Requirements(Protocol):
    """Resolves and fetches build requirements: the only network access of a build, before any project code runs."""

    def lock(self, requirements: Sequence[str], *, python_version: str) -> bytes:
        """Resolve to a PEP 751 lock with hashes, wheels only.

        Raises: requirement-unresolvable, index-unreachable.
        """

    def fetch(self, lock: bytes, dest: Path, *, python_version: str) -> tuple[Requirement, ...]:
        """Put the locked wheels that fit into `dest`, each checked against its hash (a cache is re-hashed on use).

        Raises: lock-invalid, requirement-hash-mismatch, requirement-unavailable, index-unreachable.
        """


class Identity(Protocol):
    """The runner's OIDC identity."""

    def token(self, audience: str) -> Secret:
        """Return a fresh JWT. Raises: identity-unavailable, identity-refused, service-*."""

    def claims(self) -> WorkflowClaims:
        """Return the claims of a fresh token for the audience `tagseal`."""


class Signer(Protocol):
    """Makes Sigstore bundles v0.3, keyless; what it returns it has verified."""

    def sign_statements(self, statements: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return one bundle (JSON, one line) for each in-toto statement, in order."""

    def sign_files(self, digests: Sequence[str]) -> tuple[bytes, ...]:
        """Return one message-signature bundle for each `sha256:<hex>`, in order."""


class BundleVerifier(Protocol):
    """Verifies Sigstore bundles offline against one trusted root."""

    def statement(self, bundle: bytes, expected: ExpectedSigner) -> VerifiedStatement:
        """Raises: bundle-invalid, signer-mismatch."""

    def file(self, bundle: bytes, digest: str, expected: ExpectedSigner) -> CertificateFacts:
        """Raises: bundle-invalid, signer-mismatch."""

    def to_pep740(self, bundle: bytes) -> bytes:
        """Convert a DSSE bundle to a PEP 740 attestation object (JSON). Raises: bundle-invalid."""

    def pep740_to_bundle(self, attestation: bytes) -> bytes:
        """Convert a PEP 740 attestation object back to a bundle. Raises: bundle-invalid."""


class Index(Protocol):
    """A package index with Trusted Publishing and PEP 740 (facts/pypi.md section 3)."""

    name: str

    def files(self, project: str) -> tuple[IndexFile, ...]:
        """Return every file of a project; empty when the index does not know it. Fresh, not from a cache."""

    def mint(self, identity: Identity) -> Secret:
        """Exchange an OIDC token for an upload token. Raises: publisher-refused with the claims explained."""

    def burn(self, token: Secret) -> None:
        """Make the upload token useless; best effort, never raises for a refusal."""

    def upload(self, path: Path, attestations: Sequence[Path], token: Secret) -> None:
        """Upload one file with its PEP 740 attestations in the same request.

        Raises: upload-refused, file-exists-with-other-bytes, service-*.
        """

    def download(self, file: IndexFile, dest: Path) -> None:
        """Download to `dest` and compare with the listed digest. Raises: index-bytes-differ, service-*."""

    def provenance(self, file: IndexFile) -> bytes | None:
        """Return the integrity API's provenance object (JSON), or None when there is none."""


class Forge(Protocol):
    """Releases of one repository, as the GitHub REST API answers."""

    def release(self, tag: str) -> ForgeRelease | None:
        """Return the release (draft or published) of a tag, or None. Raises: several-releases, service-*."""

    def published_tags(self) -> tuple[str, ...]:
        """Return the tags of the published releases that are not pre-releases, newest first; at most 1,000."""

    def create_draft(self, *, tag: str, commit: str, title: str, notes: str, prerelease: bool) -> ForgeRelease:
        """Create a draft."""

    def upload_asset(self, release: ForgeRelease, path: Path) -> ForgeAsset:
        """Upload one file under its base name."""

    def delete_asset(self, asset: ForgeAsset) -> None:
        """Delete an asset of a draft."""

    def publish(self, release: ForgeRelease, *, make_latest: bool) -> ForgeRelease:
        """Publish a draft."""

    def download_asset(self, asset: ForgeAsset, dest: Path, *, as_public: bool) -> None:
        """Download one asset; `as_public` sends no token. Raises: service-*."""


class Files(Protocol):
    """The part of the release directory that one step's leg may touch."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the sorted base names of the regular files in a folder the step reads; empty when it is missing."""

    def read(self, path: str, *, max_bytes: int = 64 * 2**20) -> bytes:
        """Read a file the step declares in `reads`. Raises: release-file-missing, release-file-too-large."""

    def path(self, path: str) -> Path:
        """Return the real path of a file the step declares in `reads`, for streaming. Raises: release-file-missing."""

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Return path -> `sha256:<hex>` of files the step declares in `reads`, hashed side by side and only once."""

    def write(self, path: str, data: bytes) -> None:
        """Write an output the step declares in `writes`; it becomes visible when the whole step has ended well."""

    def output(self, path: str) -> Path:
        """Return where to stream an output the step declares in `writes`; visible when the step has ended well."""

    def exists(self, path: str) -> bool:
        """Tell whether a declared input is there."""
