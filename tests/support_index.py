"""An index to talk to without a socket, upload forms as clients send them, and a running one for stock clients."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from support_sigstore import PUBLISH, StillClock
from tagseal.core.canonical import Json
from tagseal.rehearsal.http import Request, Response
from tagseal.rehearsal.index import IndexService
from tagseal.rehearsal.index_attestations import AttestationRefusedError, Subject
from tagseal.rehearsal.index_oidc import TrustedPublisher

PUBLISHER = TrustedPublisher(
    repository="acme/widget", owner_id="583231", workflow="release.yml", environment="pypi", projects=("tinyproj",)
)
CLAIMS = {name: str(value) for name, value in PUBLISH.claims().items()} | {"jti": "1"}
API_TOKEN = "pypi-account-token"


class KnownTokens:
    """A TokenVerifier that knows tokens by heart."""

    def __init__(self) -> None:
        self.claims: dict[str, Mapping[str, str]] = {"a.b.c": CLAIMS}

    def verify(self, token: str, audience: str) -> Mapping[str, str]:
        if audience != "pypi" or token not in self.claims:
            raise ValueError("unknown token")
        return self.claims[token]


class NoAttestations:
    """An AttestationVerifier for uploads whose attestations are never reached."""

    def provenance(self, field: str, publisher: TrustedPublisher, subject: Subject) -> Mapping[str, Json]:
        del field, publisher
        raise AttestationRefusedError(f"{subject.name}: no attestation is good enough here")


def make_index(
    *publishers: TrustedPublisher,
    clock: StillClock | None = None,
    tokens: KnownTokens | None = None,
    limit: int = 2**20,
) -> IndexService:
    return IndexService(
        tokens or KnownTokens(),
        NoAttestations(),
        publishers or (PUBLISHER,),
        clock or StillClock(),
        api_tokens={API_TOKEN: (), "pypi-scoped": ("other",)},
        max_file_bytes=limit,
    )


def send(
    index: IndexService, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Response:
    """Ask the service itself, as its server would."""
    request = Request(method=method, path=path, query={}, headers={"host": "index", **(headers or {})}, body=body)
    return index.handle(request)


def mint(index: IndexService, token: str = "a.b.c") -> tuple[int, Any]:
    response = send(index, "POST", "/_/oidc/mint-token", body=json.dumps({"token": token}).encode())
    return response.status, json.loads(response.body)


def minted(index: IndexService) -> str:
    status, body = mint(index)
    assert status == 200
    return str(body["token"])


def form(filename: str, data: bytes, **changes: str) -> dict[str, str]:
    """The fields of a good upload of `data`; a changed field of "" is left out."""
    is_wheel = filename.endswith(".whl")
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": "tinyproj",
        "version": "1.2.3",
        "filetype": "bdist_wheel" if is_wheel else "sdist",
        "pyversion": "py3" if is_wheel else "source",
        "requires_python": ">=3.9",
        "sha256_digest": hashlib.sha256(data).hexdigest(),
    } | changes
    return {name: value for name, value in fields.items() if value}


def upload(
    index: IndexService,
    filename: str,
    data: bytes,
    *,
    token: str = API_TOKEN,
    content_type: str = "application/octet-stream",
    **changes: str,
) -> Response:
    """Upload through the legacy form; `changes` replaces fields."""
    lines = []
    for name, value in form(filename, data, **changes).items():
        lines.append(f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    head = f'--xx\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n'
    lines.append(f"{head}Content-Type: {content_type}\r\n\r\n".encode() + data + b"\r\n--xx--\r\n")
    authorization = base64.b64encode(f"__token__:{token}".encode()).decode()
    headers = {
        "authorization": f"Basic {authorization}",
        "content-type": "multipart/form-data; boundary=xx",
        "accept": "application/json",
    }
    return send(index, "POST", "/legacy/", body=b"".join(lines), headers=headers)


def refusal(response: Response) -> str:
    """The reason of a refused upload, which must stand in the status line and in the JSON body alike."""
    body = json.loads(response.body)
    assert body["code"] == f"{response.status} {response.reason}"
    return str(response.reason)


def without_environment(publisher: TrustedPublisher = PUBLISHER) -> TrustedPublisher:
    return replace(publisher, environment="")
