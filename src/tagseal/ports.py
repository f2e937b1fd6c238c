"""One Protocol per outside world. Only adapters implement these and do IO; steps see nothing else.

Every method raises only `TagsealError`; every network call has a timeout, a byte limit and bounded retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tagseal.core.checks import Check
from tagseal.core.facts import Requirement
from tagseal.secret import Secret


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


# --- git ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One file of a commit's tree."""

    path: str
    """Relative to the repository's top, `/` between parts, UTF-8."""
    mode: str
    """Git's octal mode: 100644, 100755, 120000 (symlink), 160000 (submodule)."""
    blob: str
    """Object id, hex."""
    size_bytes: int
    """0 for a submodule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """The checkout as it stands."""

    head: str
    is_shallow: bool
    dirty_paths: tuple[str, ...]
    """Changed, added, removed and untracked (not ignored) paths, sorted; at most 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefRead:
    """What a tag name points at."""

    object_id: str
    object_type: str
    """`tag` for an annotated tag, otherwise `commit`, `tree` or `blob`."""
    content: bytes
    """The tag object's bytes; empty for other types."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """One entry of the signer allowlist."""

    name: str
    kind: str
    """`ssh` or `gpg`."""
    key: str
    """One authorized_keys line (`ssh-ed25519 AAAA…`) or an armoured OpenPGP public key."""
    not_after_s: int | None = None
    """Seconds since the epoch after which a signature by this key is refused; None: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRead:
    """What a signature check found."""

    is_good: bool
    name: str
    """The allowlist entry; empty when none matched."""
    fingerprint: str
    reason: str
    """Why it is not good: `unknown-signer`, `bad-signature`, `expired-key`, `revoked-key`; empty when good."""


class SignatureChecker(Protocol):
    """Verifies detached signatures against given keys and nothing else: no keyring, no agent, no home."""

    def check(self, payload: bytes, signature: bytes, keys: Sequence[TrustedKey], *, at: datetime) -> SignatureRead:
        """Check an SSH (namespace `git`) or OpenPGP signature as it stands in a git object, at time `at`.

        Raises: signature-tool-missing, signature-unreadable.
        """


# --- where project code runs ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """What project code may use."""

    wall_s: int = 1800
    memory_bytes: int = 4 * 2**30
    processes: int = 512
    scratch_bytes: int = 2 * 2**30
    """Everything it may write, output included."""
    output_bytes: int = 512 * 2**20
    """What is collected."""
    log_bytes: int = 4 * 2**20
    """Kept from the end of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxInput:
    """Something the sandboxed code may see."""

    host: Path
    inside: str
    """Absolute path below `/build`."""
    writable_copy: bool = False
    """Copied into the sandbox's scratch space instead of shown read-only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxJob:
    """One command to run without network, token or sight of anything but its inputs."""

    command: tuple[str, ...]
    """`{python}` as the first item is the sandbox's interpreter."""
    environment: Mapping[str, str]
    """The whole environment: nothing is inherited."""
    inputs: tuple[SandboxInput, ...]
    collect: str
    """Absolute path of the folder whose regular files are handed back."""
    umask: int = 0o022
    limits: SandboxLimits = field(default_factory=SandboxLimits)
    fake_time_offset_s: int = 0
    """Shift of the wall clock; done with libfaketime where the sandbox has it, otherwise ignored (see outcome)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOutcome:
    """What happened to a job."""

    ended: str
    """`exit`, `timeout`, `memory`, `disk-full`, `output-limit` or `killed`."""
    exit_code: int | None
    log: str
    """The end of stdout and stderr together, secrets masked, control characters removed."""
    seconds: float
    clock_is_shifted: bool
    probe: tuple[Check, ...]
    """What the probe tried in this same sandbox and met, code `sandbox-<what>`; not isolated = UNKNOWN."""


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


# --- identity, signing, verification --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowClaims:
    """GitHub's OIDC claims about the running job, straight from the issuer."""

    issuer: str
    repository: str
    """`owner/name`."""
    repository_id: str
    repository_owner_id: str
    ref: str
    sha: str
    event_name: str
    workflow_ref: str
    """The caller's file: `owner/name/.github/workflows/release.yml@refs/tags/v1.0.0`."""
    job_workflow_ref: str
    """The file the job stands in: becomes the certificate's SAN and the builder id."""
    job_workflow_sha: str
    runner_environment: str
    run_id: str
    run_attempt: str
    repository_visibility: str
    environment: str
    """Empty when the job has none."""


class Identity(Protocol):
    """The runner's OIDC identity."""

    def token(self, audience: str) -> Secret:
        """Return a fresh JWT. Raises: identity-unavailable, identity-refused, service-*."""

    def claims(self) -> WorkflowClaims:
        """Return the claims of a fresh token for the audience `tagseal`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSigner:
    """Who must have signed. None means: not asked for; at least `issuer` and one more must be given."""

    issuer: str
    san: str | None = None
    """Exact certificate SAN (the builder id)."""
    signer_digest: str | None = None
    """Exact Build Signer Digest: the builder's commit."""
    repository: str | None = None
    """`owner/name`."""
    ref: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What a verified signing certificate says (Fulcio extensions 1.3.6.1.4.1.57264.1.8 to .22)."""

    san: str
    issuer: str
    signer_digest: str
    source_repository: str
    """`owner/name`."""
    source_digest: str
    source_ref: str
    build_config_uri: str
    run_invocation_uri: str
    runner_environment: str
    signed_at_s: int
    """Verified time (log or timestamp), seconds since the epoch."""
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedStatement:
    """A DSSE payload whose signature, chain, log entry and identity were all checked."""

    payload_type: str
    payload: bytes
    certificate: CertificateFacts


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


# --- where releases are published -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """One file as the index lists it."""

    name: str
    url: str
    sha256: str
    """`sha256:<hex>`."""
    size_bytes: int
    is_yanked: bool
    provenance_url: str
    """Empty when the index has none for it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAsset:
    """One asset of a release."""

    id: int
    name: str
    size_bytes: int
    sha256: str
    """`sha256:<hex>` as the forge computed it; empty when it does not say."""
    is_complete: bool
    """False for an upload that was cut off."""
    url: str
    """Where the public downloads it once the release is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeRelease:
    """One release."""

    id: int
    tag: str
    is_draft: bool
    is_prerelease: bool
    url: str
    assets: tuple[ForgeAsset, ...]


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
