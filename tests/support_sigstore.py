"""A run of a made-up project against the rehearsal's Sigstore, and plain HTTP to it."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tagseal.rehearsal.claims import JobClaims

ISSUER = "https://token.actions.githubusercontent.com"
SEAL_SAN = "https://github.com/tagseal/tagseal/.github/workflows/seal.yml@refs/tags/v0.1.0"
CALLER = JobClaims(repository="acme/widget", ref="refs/tags/v1.0.0", sha="a" * 40, workflow="Release")
SEAL = CALLER.in_seal(version="0.1.0", commit="b" * 40)
PUBLISH = CALLER.in_environment("pypi")


class StillClock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime | None = None) -> None:
        self.time = now or datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    url: str, method: str, path: str, *, data: object = None, raw: bytes | None = None, headers: Mapping[str, str] = {}
) -> Answer:
    """One request; `data` goes as JSON, `raw` as it is."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    sent = dict(headers)
    body = raw
    if data is not None:
        body = json.dumps(data).encode()
        sent.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def csr(key: ec.EllipticCurvePrivateKey, *, broken: bool = False) -> str:
    """A certificate signing request as sigstore-python sends it: base64 of PEM."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    if not broken:
        return b64(request.public_bytes(Encoding.PEM))
    der = bytearray(request.public_bytes(Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    return b64(f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode())


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
