"""The certificate service, as Fulcio's v2 API answers it.

Spec: Fulcio's protobuf service `CA` over gRPC-Gateway: errors are `{"code", "message", "details"}` with gRPC codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError
from tagseal.ports import Clock
from tagseal.rehearsal import certificate, keys
from tagseal.rehearsal.claims import ISSUER
from tagseal.rehearsal.http import Request, Response, json_response
from tagseal.rehearsal.sct import CtLog

AUDIENCE: Final = "sigstore"
PREFIX: Final = "/api/v2/"
SIGNING_CERT: Final = "/api/v2/signingCert"
TRUST_BUNDLE: Final = "/api/v2/trustBundle"
CONFIGURATION: Final = "/api/v2/configuration"

_INVALID_ARGUMENT: Final = 3
_NOT_FOUND: Final = 5
_UNIMPLEMENTED: Final = 12
BAD_TOKEN: Final = "There was an error processing the identity token"  # noqa: S105 - a message
BAD_CSR: Final = "The certificate signing request could not be parsed"
BAD_KEY: Final = "The public key supplied in the request could not be parsed"
WEAK_KEY: Final = "The public key supplied in the request is insecure"
BAD_SIGNATURE: Final = "The signature supplied in the request could not be verified"


class TokenVerifier(Protocol):
    """Whoever can tell a good token from a bad one."""

    def verify(self, token: str, audience: str) -> Mapping[str, str]:
        """Return the claims. Raises: ValueError."""


class _RefusedError(Exception):
    """The request is refused with this message."""


class FulcioService:
    """Issues certificates to holders of our issuer's tokens who prove that they hold the private key."""

    def __init__(self, *, tokens: TokenVerifier, authority: certificate.Authority, log: CtLog, clock: Clock) -> None:
        """Issue below `authority`, with timestamps by `log`."""
        self._tokens = tokens
        self._authority = authority
        self._log = log
        self._clock = clock

    def handle(self, request: Request) -> Response:
        """Answer below `/api/v2/`."""
        routes: dict[str, tuple[str, Callable[[Request], Json]]] = {
            SIGNING_CERT: ("POST", self._signing_cert),
            TRUST_BUNDLE: ("GET", self._trust_bundle),
            CONFIGURATION: ("GET", _configuration),
        }
        if request.path not in routes:
            return _error(404, _NOT_FOUND, "Not Found")
        method, answer = routes[request.path]
        if request.method != method:
            return _error(501, _UNIMPLEMENTED, "Method Not Allowed")
        try:
            return json_response(200, answer(request))
        except _RefusedError as error:
            return _error(400, _INVALID_ARGUMENT, str(error))

    def _signing_cert(self, request: Request) -> Json:
        try:
            body = canonical.parse(request.body)
        except TagsealError as error:
            raise _RefusedError("proto: syntax error: the body is not one JSON object") from error
        if not isinstance(body, dict):
            raise _RefusedError("proto: syntax error: the body is not one JSON object")
        claims = self._claims(request, body)
        csr = _text(body, "certificateSigningRequest")
        key = _key_of_csr(csr) if csr else _key_with_proof(_object(body, "publicKeyRequest"), claims["sub"])
        try:
            leaf = certificate.issue(self._authority, self._log, claims, key, self._clock.now())
        except KeyError as error:
            name = error.args[0]
            raise _RefusedError(
                f'template: :1:2: executing "" at <.{name}>: map has no entry for key "{name}"'
            ) from error
        chain = [leaf, self._authority.intermediate, self._authority.root]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": [_pem(item) for item in chain]}}}

    def _claims(self, request: Request, body: Mapping[str, Json]) -> Mapping[str, str]:
        """A token in the body wins over one in the header, as in the real service."""
        scheme, _, in_header = request.headers.get("authorization", "").partition(" ")
        token = _text(_object(body, "credentials"), "oidcIdentityToken")
        if not token and scheme.lower() == "bearer":
            token = in_header
        try:
            claims = self._tokens.verify(token, AUDIENCE)
        except ValueError as error:
            raise _RefusedError(BAD_TOKEN) from error
        if not claims.get("sub"):
            raise _RefusedError(BAD_TOKEN)
        return claims

    def _trust_bundle(self, _: Request) -> Json:
        return {"chains": [{"certificates": [_pem(self._authority.intermediate), _pem(self._authority.root)]}]}


def _configuration(_: Request) -> Json:
    return {
        "issuers": [
            {
                "issuerUrl": ISSUER,
                "audience": AUDIENCE,
                "challengeClaim": "sub",
                "spiffeTrustDomain": "",
                "issuerType": "ci-provider",
                "subjectDomain": "",
            }
        ]
    }


def _error(status: int, code: int, message: str) -> Response:
    return json_response(status, {"code": code, "message": message, "details": []})


def _pem(item: x509.Certificate) -> str:
    """PEM without the final newline, as the real service sends it."""
    return keys.certificate_pem(item).decode("ascii").rstrip("\n")


def _object(value: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Json], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _key_of_csr(encoded: str) -> keys.SigningKey:
    try:
        csr = x509.load_pem_x509_csr(keys.unb64(encoded))
        public_key = csr.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _RefusedError(BAD_CSR) from error
    try:
        key = keys.accepted_key(public_key)
    except keys.InsecureKey as error:
        raise _RefusedError(WEAK_KEY) from error
    if not csr.is_signature_valid:
        raise _RefusedError(BAD_SIGNATURE)
    return key


def _key_with_proof(asked: Mapping[str, Json], challenge: str) -> keys.SigningKey:
    try:
        public_key = load_pem_public_key(_text(_object(asked, "publicKey"), "content").encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _RefusedError(BAD_KEY) from error
    try:
        key = keys.accepted_key(public_key)
        proof = keys.unb64(_text(asked, "proofOfPossession"))
    except keys.InsecureKey as error:
        raise _RefusedError(WEAK_KEY) from error
    except ValueError as error:
        raise _RefusedError(BAD_SIGNATURE) from error
    if not keys.is_signed(key, proof, challenge.encode()):
        raise _RefusedError(BAD_SIGNATURE)
    return key
