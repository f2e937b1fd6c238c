"""Keys, their ids and signatures, as all the rehearsal services use them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MIN_RSA_BITS: Final = 2048

SigningKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
"""A key that the services accept signatures from."""


class InsecureKey(ValueError):  # noqa: N818 - a finding about a key, not a failure of ours
    """The key is of a kind or size that the services refuse."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return the ECDSA-SHA256 signature (DER) of `data`."""
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def spki(key: PublicKeyTypes) -> bytes:
    """Return the DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: PublicKeyTypes) -> bytes:
    """Return SHA-256 of the SubjectPublicKeyInfo: the id of CT and Rekor v1 logs (32 bytes)."""
    return hashlib.sha256(spki(key)).digest()


def public_pem(key: PublicKeyTypes) -> bytes:
    """Return the PEM SubjectPublicKeyInfo, with its final newline."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return the PEM certificate, with its final newline."""
    return certificate.public_bytes(Encoding.PEM)


def certificate_der(certificate: x509.Certificate) -> bytes:
    """Return the DER certificate."""
    return certificate.public_bytes(Encoding.DER)


def accepted_key(key: PublicKeyTypes) -> SigningKey:
    """Return `key` when it is one of the kinds and sizes that the public services take.

    Raises:
        InsecureKey: another kind, another curve or too few bits.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1):
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    raise InsecureKey(type(key).__name__)


def is_signed(key: SigningKey, signature: bytes, data: bytes) -> bool:
    """Tell whether `signature` over `data` is `key`'s, with SHA-256 where the kind has a choice."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def is_digest_signed(key: SigningKey, signature: bytes, digest: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    """Tell whether `signature` over something with that digest is `key`'s; never for Ed25519, which needs the bytes."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(Prehashed(algorithm)))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), Prehashed(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def b64(data: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def unb64(text: str) -> bytes:
    """Decode standard base64, nothing else.

    Raises:
        ValueError: characters outside the alphabet, or wrong padding.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def b64url(data: bytes) -> str:
    """Return base64url without padding, as JWS has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """Decode base64url without padding.

    Raises:
        ValueError: anything else.
    """
    return unb64(text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4))
