"""What goes in and out of the ports: frozen records, each field with its encoding.

`ports` gives them again under their own names; import them from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tagseal.core.checks import Check


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
