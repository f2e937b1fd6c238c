"""One loopback server that is a whole Sigstore: OIDC issuer, certificate service and transparency log."""

from __future__ import annotations

from tagseal.ports import Clock
from tagseal.rehearsal import fulcio, oidc, rekor, trust
from tagseal.rehearsal.certificate import make_authority
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.fulcio import FulcioService
from tagseal.rehearsal.http import Request, Response, Server, json_response
from tagseal.rehearsal.oidc import OidcIssuer
from tagseal.rehearsal.rekor import RekorService
from tagseal.rehearsal.rekor_log import TransparencyLog
from tagseal.rehearsal.sct import CtLog
from tagseal.rehearsal.started import Started


class SigstoreServices(Started):
    """All keys are made for this object and leave it never; use as a context manager or call `start` and `stop`."""

    def __init__(self, *, clock: Clock) -> None:
        """Listen at once, answer from `start` on."""
        now = clock.now()
        authority = make_authority(now)
        ct_log = CtLog()
        self.issuer = OidcIssuer(clock=clock)
        self.rekor = TransparencyLog(clock=clock)
        self._rekor_api = RekorService(log=self.rekor)
        self._fulcio_api = FulcioService(tokens=self.issuer, authority=authority, log=ct_log, clock=clock)
        self.server = Server(self.handle)
        self._material = trust.TrustMaterial(
            url=self.server.url,
            oidc_url=f"{self.server.url}{oidc.PREFIX}",
            authority=authority,
            rekor_key=self.rekor.public_key,
            ct_key=ct_log.public_key,
            started=now,
        )

    @property
    def url(self) -> str:
        """Base URL of every service, no final slash."""
        return self.server.url

    @property
    def log(self) -> list[tuple[str, str, int]]:
        """The requests so far: (method, path with query, status)."""
        return self.server.log

    def start(self) -> None:
        """Begin to answer."""
        self.server.start()

    def stop(self) -> None:
        """Stop answering; signatures made so far stay verifiable with the trusted root."""
        self.server.stop()

    def handle(self, request: Request) -> Response:
        """Pass the request to the service whose path it has."""
        if request.path.startswith(f"{oidc.PREFIX}/"):
            return self.issuer.handle(request)
        if request.path.startswith(fulcio.PREFIX):
            return self._fulcio_api.handle(request)
        if request.path == rekor.LOG or request.path.startswith(f"{rekor.LOG}/"):
            return self._rekor_api.handle(request)
        return json_response(404, {"message": "Not Found"})

    def request_environment(self, job: JobClaims) -> dict[str, str]:
        """Register a job; return the two variables through which the runner lets it ask for its tokens."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}{oidc.TOKEN_PATH}?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.issuer.register(job),
        }

    def trusted_root_json(self) -> str:
        """Return `trusted_root.json`."""
        return trust.as_document(trust.trusted_root(self._material))

    def trusted_root_jsonl(self) -> str:
        """Return `trusted_root.jsonl`."""
        return trust.as_json_lines(trust.trusted_root(self._material))

    def trust_config_json(self) -> str:
        """Return `client_trust_config.json`."""
        return trust.as_document(trust.client_trust_config(self._material))
