"""GitHub's OIDC issuer as a job sees it: the token endpoint, the key set, and the check that relying parties make.

Spec: RFC 7519 (JWT), RFC 7518 (RS256), RFC 7517 (JWK), OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError
from tagseal.ports import Clock
from tagseal.rehearsal import keys
from tagseal.rehearsal.claims import ISSUER, JobClaims
from tagseal.rehearsal.http import Request, Response, json_response

PREFIX: Final = "/oidc"
TOKEN_PATH: Final = f"{PREFIX}/token"
TOKEN_LIFETIME_S: Final = 300
NBF_LEEWAY_S: Final = 300
"""How far the start of validity may lie ahead, as Fulcio's OIDC library has it; the end has no leeway."""
MAX_TOKEN_BYTES: Final = 64 * 2**10


class InvalidTokenError(ValueError):
    """A token that a relying party must refuse; the text says why, for tests and logs."""


class _RsaKey:
    """A 2,048-bit key that is made on a thread of its own, so that nothing waits for it before the first token."""

    def __init__(self) -> None:
        self._made: rsa.RSAPrivateKey | None = None
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def _make(self) -> None:
        self._made = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def private(self) -> rsa.RSAPrivateKey:
        self._thread.join()
        if self._made is None:
            raise RuntimeError("the issuer's key could not be made")
        return self._made


class OidcIssuer:
    """Issues tokens to registered jobs and checks them for the other services."""

    def __init__(self, *, clock: Clock) -> None:
        """Begin to make the signing key; nobody is registered yet."""
        self._clock = clock
        self._key = _RsaKey()
        self._kid = secrets.token_hex(20)
        self._jobs: dict[str, JobClaims] = {}

    def register(self, job: JobClaims) -> str:
        """Return a new request token with which that job asks for its tokens."""
        request_token = secrets.token_urlsafe(32)
        self._jobs[request_token] = job
        return request_token

    def mint(self, job: JobClaims, audience: str) -> str:
        """Return a token as GitHub would give it to the job now."""
        now_s = int(self._clock.now().timestamp())
        times: dict[str, Json] = {"iat": now_s, "nbf": now_s - 5, "exp": now_s + TOKEN_LIFETIME_S}
        return self.sign({**job.claims(), **times, "aud": audience, "jti": secrets.token_hex(16)})

    def sign(self, claims: Mapping[str, Json], *, header: Mapping[str, Json] | None = None) -> str:
        """Return a JWT with exactly these claims, sound or not: for tests of what the other services refuse."""
        head = header or {"alg": "RS256", "kid": self._kid, "typ": "JWT", "x5t": self._kid}
        signed = f"{_part(head)}.{_part(claims)}"
        signature = self._key.private().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{keys.b64url(signature)}"

    def verify(self, token: str, audience: str) -> Mapping[str, str]:
        """Return the claims (numbers as decimal text) of a token that is ours, current and for `audience`.

        Raises:
            InvalidTokenError: it is not.
        """
        claims = self._signed_claims(token)
        now_s = int(self._clock.now().timestamp())
        audiences = claims.get("aud")
        if audience not in (audiences if isinstance(audiences, list) else [audiences]):
            raise InvalidTokenError(f"the token is not for {audience}")
        if claims.get("iss") != ISSUER:
            raise InvalidTokenError("the token is not from this issuer")
        if _number(claims, "exp") <= now_s:
            raise InvalidTokenError("the token has expired")
        if _number(claims, "nbf") > now_s + NBF_LEEWAY_S:
            raise InvalidTokenError("the token is not valid yet")
        return {name: str(value) for name, value in claims.items()}

    def _signed_claims(self, token: str) -> dict[str, Json]:
        if len(token) > MAX_TOKEN_BYTES or token.count(".") != 2:  # noqa: PLR2004 - header.payload.signature
            raise InvalidTokenError("this is not a signed JWT")
        signed, _, signature = token.rpartition(".")
        try:
            head, claims = (canonical.parse(keys.unb64url(part)) for part in signed.split("."))
            raw = keys.unb64url(signature)
        except (ValueError, TagsealError) as error:
            raise InvalidTokenError("the token cannot be read") from error
        if not isinstance(head, dict) or not isinstance(claims, dict):
            raise InvalidTokenError("the token holds no objects")
        if head.get("alg") != "RS256" or head.get("kid") != self._kid:
            raise InvalidTokenError("the token is signed by another key or algorithm")
        if not keys.is_signed(self._key.private().public_key(), raw, signed.encode()):
            raise InvalidTokenError("the token's signature is wrong")
        return claims

    def handle(self, request: Request) -> Response:
        """Answer below `/oidc`."""
        if request.method != "GET":
            return json_response(405, {"message": "Method Not Allowed"})
        if request.path == TOKEN_PATH:
            return self._token(request)
        if request.path == f"{PREFIX}/.well-known/jwks":
            return json_response(200, {"keys": [self._jwk()]})
        if request.path == f"{PREFIX}/.well-known/openid-configuration":
            return json_response(200, _discovery())
        return json_response(404, {"message": "Not Found"})

    def _token(self, request: Request) -> Response:
        scheme, _, request_token = request.headers.get("authorization", "").partition(" ")
        job = self._jobs.get(request_token)
        if scheme.lower() != "bearer" or job is None:
            return json_response(401, {"message": "Unauthorized"})
        owner = job.repository.split("/")[0]
        audience = request.query.get("audience", [f"https://github.com/{owner}"])[0]
        return json_response(200, {"value": self.mint(job, audience)})

    def _jwk(self) -> Json:
        numbers = self._key.private().public_key().public_numbers()
        modulus, exponent = (n.to_bytes((n.bit_length() + 7) // 8, "big") for n in (numbers.n, numbers.e))
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self._kid,
            "n": keys.b64url(modulus),
            "e": keys.b64url(exponent),
        }


def _part(value: Mapping[str, Json]) -> str:
    return keys.b64url(json.dumps(value, separators=(",", ":")).encode())


def _number(claims: Mapping[str, Json], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidTokenError(f"the token has no {name}")
    return value


def _discovery() -> Json:
    sample = JobClaims(repository="o/r", ref="refs/heads/main", sha="0" * 40, environment="e").claims()
    return {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/.well-known/jwks",
        "subject_types_supported": ["public", "pairwise"],
        "response_types_supported": ["id_token"],
        "claims_supported": sorted({"aud", "exp", "iat", "jti", "nbf", *sample}),
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
    }
