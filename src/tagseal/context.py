"""What a step is given: its files, its run, and the ports to the outside world, made when first used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from tagseal.core import canonical, jsonable

if TYPE_CHECKING:
    from tagseal import ports
    from tagseal.core.facts import SourceFacts

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Which run this is."""

    id: str
    """`<owner>/<name>/actions/runs/<id>` on GitHub, `local/<random>` elsewhere; one for all steps of a release."""
    attempt: int
    repository: str | None
    """`owner/name` as the runner (or the rehearsal) knows it; None when nobody said."""
    is_actions: bool
    is_rehearsal: bool


class Adapters(Protocol):
    """The ports, each made on first use so that a step pays only for what it needs."""

    @property
    def clock(self) -> ports.Clock: ...
    @property
    def git(self) -> ports.Git: ...
    @property
    def signatures(self) -> ports.SignatureChecker: ...
    @property
    def requirements(self) -> ports.Requirements: ...
    @property
    def identity(self) -> ports.Identity: ...
    @property
    def signer(self) -> ports.Signer: ...
    @property
    def verifier(self) -> ports.BundleVerifier: ...
    @property
    def index(self) -> ports.Index: ...
    @property
    def forge(self) -> ports.Forge: ...
    def sandbox(self, *, kind: str, image: str) -> ports.Sandbox:
        """Return the sandbox of that kind (`auto`: the best that works here), in `image` for `docker`."""

    @property
    def trust(self) -> TrustFacts: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFacts:
    """What steps may know of the trust configuration."""

    oidc_issuer: str
    server_url: str
    """The forge's web address, `https://github.com`: in front of `owner/name` it is the repository's URI."""
    builder_san: str
    """The SAN our seal workflow's certificates carry; empty when the configuration names none (production)."""
    builder_digest: str
    """Build Signer Digest to insist on; empty when none is named."""

    def signer_of(self, source: SourceFacts) -> ports.ExpectedSigner:
        """Return who must have signed a release: the named builder, running for that repository, tag and commit."""
        from tagseal.ports import ExpectedSigner

        return ExpectedSigner(
            issuer=self.oidc_issuer,
            san=self.builder_san or None,
            signer_digest=self.builder_digest or None,
            repository=source.repository,
            ref=f"refs/tags/{source.tag}",
            commit=source.commit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Handed to a step's `run`."""

    files: ports.Files
    project: Path
    """The checkout (or the package's folder in it)."""
    leg: str
    me: str
    """The step's own folder in the release directory: `steps/<step>[.<leg>]`."""
    run: Run
    adapters: Adapters
    progress: ports.Progress
    release_dir: Path | None = None
    """Only to leave it out of account when it lies in the checkout; files are reached through `files` alone."""

    def result(self, kind: type[R], node: str) -> R:
        """Return another step's result, read from `steps/<node>/result.json`.

        Raises:
            TagsealError: `release-file-missing`, `json-invalid`, `result-invalid`.
        """
        data = canonical.parse(self.files.read(f"steps/{node}/result.json"))
        if not isinstance(data, dict):
            return jsonable.decode(kind, data)
        return jsonable.decode(kind, {key: value for key, value in data.items() if key != "schema"})
