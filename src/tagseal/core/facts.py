"""What steps tell each other: the typed results that more than one step reads.

Only `verify-source` makes trusted facts about the source; what `build` says about itself is a claim that
later steps compare and never copy (design section 6).
"""

from __future__ import annotations

from dataclasses import dataclass

from tagseal.core.checks import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed the tag."""

    kind: str
    """`ssh` or `gpg`."""
    name: str
    """The allowlist entry that matched."""
    fingerprint: str
    """`SHA256:<base64>` as ssh-keygen prints it, or the full OpenPGP fingerprint in upper-case hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """Result of `verify-source`: every trusted input of the release."""

    repository: str
    """`owner/name`; the forge's URL in front of it is in the trust configuration."""
    tag: str
    version: str
    """Canonical PEP 440 version, the tag without its `v`."""
    commit: str
    """40 or 64 hex digits."""
    tag_object: str
    """Object id of the annotated tag itself."""
    commit_time_s: int
    """Committer time, seconds since the epoch: SOURCE_DATE_EPOCH."""
    signer: Signer
    release_branch: str
    release_type: str
    """`final`, `pre`, `post` or `dev`."""
    tree_digest: str
    """`sha256:` of steps/verify-source/tree.json."""
    lock_digest: str
    """`sha256:` of the build lock that the build must use."""
    lock_path: str
    """Where that lock is, relative to the project; or `steps/verify-source/pylock.build.toml` in a rehearsal
    of a project that has none."""
    policy_digest: str
    """`sha256:` of steps/verify-source/policy.json, the effective policy."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file to publish."""

    name: str
    kind: str
    """`sdist` or `wheel`."""
    size_bytes: int
    sha256: str
    """`sha256:<hex>` of the bytes."""
    content_digest: str
    """`sha256:<hex>` of the normalised, uncompressed content: survives another zlib."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One locked build requirement."""

    name: str
    version: str
    filename: str
    sha256: str
    """`sha256:<hex>` of the wheel that was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFacts:
    """Result of one build leg: claims about how the files were made."""

    leg: str
    artifacts: tuple[Artifact, ...]
    sandbox: str
    """`docker`, `namespaces` or `process`."""
    image: str
    """Image digest (`sha256:<hex>`) for `docker`, else empty."""
    interpreter: str
    """For example `CPython 3.13.5 x86_64`."""
    requirements: tuple[Requirement, ...]
    lock_digest: str
    source_date_epoch_s: int
    variations: dict[str, str]
    """What this leg varied that must not matter: umask, HOME, TZ, LC_ALL, PYTHONHASHSEED, clock."""
    checks: tuple[Check, ...]
    """The sandbox probe's outcomes and what could not be isolated, among others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectFacts:
    """Result of `inspect`: the files to publish, as measured from their bytes."""

    package: str
    """Canonical project name (PEP 503), the one all files agree on."""
    artifacts: tuple[Artifact, ...]
    """Sorted by name."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """One line of SHA256SUMS."""

    name: str
    sha256: str
    """`sha256:<hex>`."""
    size_bytes: int
