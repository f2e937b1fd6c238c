"""Makes each adapter when it is first used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tagseal.adapters.trust_config import TrustConfig
from tagseal.context import TrustFacts

if TYPE_CHECKING:
    from tagseal import ports
    from tagseal.secret import Secret


@dataclass(kw_only=True)
class LazyAdapters:
    """The real adapters."""

    config: TrustConfig
    project: Path
    environment: Mapping[str, str]
    repository: str | None
    forge_token: Secret | None

    @property
    def trust(self) -> TrustFacts:
        """What steps may know of the trust configuration."""
        return TrustFacts(
            oidc_issuer=self.config.oidc_issuer,
            server_url=self.config.server_url,
            builder_san=self.config.builder_san,
            builder_digest=self.config.builder_digest,
        )

    @cached_property
    def clock(self) -> ports.Clock:
        """The system's clock."""
        from tagseal.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def git(self) -> ports.Git:
        """The project's repository."""
        from tagseal.adapters.git import GitCli

        return GitCli(self.project)

    @cached_property
    def signatures(self) -> ports.SignatureChecker:
        """Stock ssh-keygen and gpgv."""
        from tagseal.adapters.keys import StockSignatureChecker

        return StockSignatureChecker()

    def sandbox(self, *, kind: str, image: str) -> ports.Sandbox:
        """Return the sandbox of that kind (`auto`: the best that works here)."""
        from tagseal.adapters.sandbox import choose

        return choose(kind=kind, image=image)

    @cached_property
    def requirements(self) -> ports.Requirements:
        """Uv to resolve, pip to download, a re-hashed cache."""
        from tagseal.adapters.requirements import IndexRequirements

        return IndexRequirements()

    @cached_property
    def identity(self) -> ports.Identity:
        """The runner's OIDC endpoint."""
        from tagseal.adapters.identity import ActionsIdentity

        return ActionsIdentity(self.environment)

    @cached_property
    def signer(self) -> ports.Signer:
        """Keyless Sigstore signing."""
        from tagseal.adapters.sigstore import KeylessSigner

        return KeylessSigner(self.config.sigstore, self.identity)

    @cached_property
    def verifier(self) -> ports.BundleVerifier:
        """Sigstore verification."""
        from tagseal.adapters.sigstore import SigstoreVerifier

        return SigstoreVerifier(self.config.sigstore)

    @cached_property
    def index(self) -> ports.Index:
        """The package index."""
        from tagseal.adapters.index import WarehouseIndex

        return WarehouseIndex(self.config.index, clock=self.clock, ca_file=self.config.ca_file)

    @cached_property
    def forge(self) -> ports.Forge:
        """The forge's releases."""
        from tagseal.adapters.github import GitHubForge

        return GitHubForge(
            self.config.forge_api_url,
            self.repository or "",
            self.forge_token,
            clock=self.clock,
            ca_file=self.config.ca_file,
        )
