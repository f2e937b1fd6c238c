"""Every service of one rehearsal, and the trust configuration that points our own adapters at them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tagseal import __version__
from tagseal.adapters.trust_config import IndexEndpoints, TrustConfig
from tagseal.rehearsal import tls
from tagseal.rehearsal.claims import BUILDER, ISSUER, JobClaims
from tagseal.rehearsal.forge import ForgeService
from tagseal.rehearsal.forge_records import TagRef
from tagseal.rehearsal.http import Server
from tagseal.rehearsal.index import IndexService
from tagseal.rehearsal.index_attestations import SigstoreAttestationVerifier
from tagseal.rehearsal.index_oidc import TrustedPublisher
from tagseal.rehearsal.index_server import IndexServer
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.rehearsal.started import Started
from tagseal.secret import Secret

if TYPE_CHECKING:
    from tagseal.ports import Clock

SERVER_URL: Final = "https://github.com"
WORKFLOW: Final = "release.yml"
ENVIRONMENT: Final = "pypi"
SIGNER_DIGEST: Final = hashlib.sha256(f"tagseal {__version__}".encode()).hexdigest()[:40]
"""Stands for the commit of tagseal's own release; the rehearsal names it to the verifier."""
BUILDER_SAN: Final = f"{SERVER_URL}/{BUILDER}@refs/tags/v{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is being released."""

    repository: str
    project: str
    """Name on the index."""
    tag: str
    commit: str
    tag_object: str
    branch: str


class RehearsalServices(Started):
    """Sigstore, package index and forge of one rehearsal; `with` it, or call `start` and `stop`."""

    def __init__(self, sigstore: SigstoreServices, subject: Subject, *, clock: Clock) -> None:
        """`sigstore` may answer already: its keys take longest to make."""
        self.sigstore = sigstore
        self.subject = subject
        self.forge_token = Secret(f"rehearsal-{secrets.token_hex(16)}")
        claims = JobClaims(repository=subject.repository, ref=f"refs/tags/{subject.tag}", sha=subject.commit)
        self.seal_job = claims.in_seal(version=__version__, commit=SIGNER_DIGEST)
        self.publish_job = claims.in_environment(ENVIRONMENT)
        self.tls = tls.make(clock.now())
        self.index = IndexServer(self._index_service(claims, clock), self.tls.server_context)
        self.forge = ForgeService(
            subject.repository,
            clock,
            tokens={self.forge_token.reveal(): "write"},
            tags={subject.tag: TagRef(sha=subject.tag_object, kind="tag")},
            branches={subject.branch: subject.commit},
            default_branch=subject.branch,
        )
        self.forge_server = Server(lambda request: self.forge.handle(request, base_url=self.forge_server.url))

    def _index_service(self, claims: JobClaims, clock: Clock) -> IndexService:
        publisher = TrustedPublisher(
            repository=self.subject.repository,
            owner_id=claims.repository_owner_id,
            workflow=WORKFLOW,
            projects=(self.subject.project,),
            environment=ENVIRONMENT,
        )
        attestations = SigstoreAttestationVerifier(self.sigstore.trust_config_json())
        return IndexService(self.sigstore.issuer, attestations, (publisher,), clock)

    def config(self) -> TrustConfig:
        """Return the trust configuration of this rehearsal."""
        return TrustConfig(
            index=IndexEndpoints(name="rehearsal", upload_url=f"{self.index.url}/legacy/", base_url=self.index.url),
            forge_api_url=self.forge_server.url,
            server_url=SERVER_URL,
            oidc_issuer=ISSUER,
            sigstore=self.sigstore.trust_config_json(),
            builder_san=BUILDER_SAN,
            builder_digest=SIGNER_DIGEST,
            ca_file="",
        )

    def start(self) -> None:
        """Begin to answer (`sigstore` is started by whoever made it)."""
        self.index.start()
        self.forge_server.start()

    def stop(self) -> None:
        """Stop answering; what was signed stays verifiable with the trusted root."""
        self.index.stop()
        self.forge_server.stop()
