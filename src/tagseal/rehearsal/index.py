"""A package index on loopback that answers as Warehouse does, for unmodified upload and download clients."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tagseal.rehearsal import index_simple, index_upload, multipart
from tagseal.rehearsal.http import Request, Response, json_response
from tagseal.rehearsal.index_answers import mint_refusal, password, token_field, upload_refusal
from tagseal.rehearsal.index_form import UploadRefusedError
from tagseal.rehearsal.index_oidc import (
    TOKEN_LIFETIME_S,
    MintedToken,
    PublisherRefusedError,
    ReusedTokenError,
    TokenVerifier,
    TrustedPublisher,
    Uploader,
    find_publisher,
)
from tagseal.rehearsal.index_store import IndexStore, StoredFile
from tagseal.rehearsal.index_upload import UploadRules

if TYPE_CHECKING:
    from tagseal.ports import Clock
    from tagseal.rehearsal.index_attestations import AttestationVerifier


class IndexService:
    """One index: Trusted Publishing, legacy upload, simple API, files, provenance."""

    def __init__(
        self,
        oidc: TokenVerifier,
        attestation_verifier: AttestationVerifier,
        publishers: Sequence[TrustedPublisher],
        clock: Clock,
        *,
        audience: str = "pypi",
        api_tokens: Mapping[str, tuple[str, ...]] | None = None,
        max_file_bytes: int = index_upload.MAX_FILE_BYTES,
    ) -> None:
        """`api_tokens`: token -> the projects it is limited to; empty: the whole account, new projects included."""
        self._oidc = oidc
        self._attestations = attestation_verifier
        self._publishers = tuple(publishers)
        self._clock = clock
        self._audience = audience
        self._max_file_bytes = max_file_bytes
        self._used_ids: set[str] = set()
        self._lock = threading.Lock()
        self.store = IndexStore()
        self.api_tokens = dict(api_tokens or {})
        self.tokens: dict[str, MintedToken] = {}
        """Upload tokens that were minted and not burnt."""
        self.log: list[tuple[str, str]] = []
        """What happened: (`mint`, publisher), (`upload` or `duplicate`, file name), (`refuse`, text), (`burn`, "")."""
        self.unknown_routes: list[str] = []
        """`METHOD path` of every request for a page the index doesn't have."""

    @property
    def files(self) -> dict[str, StoredFile]:
        """File name -> stored file, in upload order."""
        return self.store.files

    def handle(self, request: Request, *, base_url: str = "") -> Response:
        """Answer one request; `base_url` goes in front of the links (default: http and the Host header)."""
        base_url = base_url or f"http://{request.headers.get('host', '127.0.0.1')}"
        with self._lock:
            if request.method in {"GET", "HEAD"}:
                answer = self._get(request, base_url)
            else:
                answer = self._post(request, base_url)
            if answer is None:
                self.unknown_routes.append(f"{request.method} {request.path}")
                return json_response(404, {"message": "Not Found"})
            return answer

    def _get(self, request: Request, base_url: str) -> Response | None:
        if request.path == "/_/oidc/audience":
            return json_response(200, {"audience": self._audience})
        return index_simple.get(self.store, request, base_url)

    def _post(self, request: Request, base_url: str) -> Response | None:
        if request.method != "POST":
            return None
        match request.path:
            case "/_/oidc/mint-token" | "/_/oidc/github/mint-token":
                return self._mint(request)
            case "/_/oidc/burn-token":
                return self._burn(request)
            case "/legacy":
                return Response(status=308, content_type="text/plain", headers={"Location": f"{base_url}/legacy/"})
            case "/legacy/":
                return self._upload(request, base_url)
            case _:
                return None

    def _mint(self, request: Request) -> Response:
        token = token_field(request.body)
        if token is None:
            return mint_refusal("invalid-payload", "body must be a JSON object with a string `token`")
        if token.count(".") != 2:  # noqa: PLR2004 - a JWT has three parts
            return mint_refusal("invalid-payload", "malformed JWT")
        try:
            claims = self._oidc.verify(token, self._audience)
        except ValueError:
            return mint_refusal("invalid-token", "malformed or invalid token")
        try:
            publisher = find_publisher(claims, self._publishers, self._used_ids)
        except PublisherRefusedError as error:
            return mint_refusal("invalid-publisher", f"valid token, but no corresponding publisher ({error})")
        except ReusedTokenError:
            return mint_refusal("invalid-reuse-token", "invalid token: already used")
        for project in publisher.projects:
            self.store.register(project)
        minted = f"pypi-{secrets.token_urlsafe(96)}"
        expires = int(self._clock.now().timestamp()) + TOKEN_LIFETIME_S
        self.tokens[minted] = MintedToken(publisher=publisher, expires_at_s=expires)
        self.log.append(("mint", f"{publisher.repository}@{publisher.workflow}"))
        return json_response(200, {"success": True, "token": minted, "expires": expires})

    def _burn(self, request: Request) -> Response:
        if self.tokens.pop(token_field(request.body) or "", None) is None:
            return json_response(404, {"message": "Not Found"})
        self.log.append(("burn", ""))
        return Response(status=204)

    def _upload(self, request: Request, base_url: str) -> Response:
        try:
            uploader = self._authenticate(request, base_url)
            form = multipart.parse(request.body, request.headers.get("content-type", ""))
            file = index_upload.accept(form, uploader, self._rules(base_url))
        except UploadRefusedError as error:
            self.log.append(("refuse", error.message))
            return upload_refusal(request, error.status, error.message)
        except ValueError as error:  # the multipart body
            return upload_refusal(request, 400, f"Bad Request: {error}")
        if file is None:
            content = form.file("content")
            self.log.append(("duplicate", str(content.filename) if content else ""))
        else:
            self.store.register(form.text("name"))
            self.store.add(file)
            self.log.append(("upload", file.name))
        return Response(status=200, content_type="text/html; charset=UTF-8")

    def _rules(self, base_url: str) -> UploadRules:
        return UploadRules(
            store=self.store,
            attestations=self._attestations,
            now=self._clock.now(),
            max_file_bytes=self._max_file_bytes,
            help_url=lambda anchor: f"{base_url}/help/#{anchor}",
        )

    def _authenticate(self, request: Request, base_url: str) -> Uploader:
        token = password(request.headers.get("authorization", ""))
        if token is not None and token in self.api_tokens:
            return Uploader(publisher=None, projects=self.api_tokens[token])
        minted = self.tokens.get(token or "")
        if minted is None:
            raise UploadRefusedError(
                403,
                "Invalid or non-existent authentication information. "
                f"See {base_url}/help/#invalid-auth for more information.",
            )
        return Uploader(
            publisher=minted.publisher,
            projects=tuple(map(canonicalize_name, minted.publisher.projects)),
            is_expired=minted.expires_at_s <= self._clock.now().timestamp(),
        )
