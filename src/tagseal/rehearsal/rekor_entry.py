"""What a proposed log entry becomes: checked signatures in, the canonical stored body out.

Spec: Rekor v1's types `hashedrekord` 0.0.1 and `dsse` 0.0.1; DSSE v1 (pre-authentication encoding); RFC 8785 (JCS).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError
from tagseal.rehearsal import keys

API_VERSION: Final = "0.0.1"
_PEM_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_HASHES: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class EntryRefusedError(Exception):
    """The entry does not go into the log; the text is the service's own, after `error processing entry: `."""


def jcs(value: Json) -> bytes:
    """Return RFC 8785 bytes; exact for the ASCII keys, strings and integers that log entries consist of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def stored_body(kind: str, api_version: str, spec: Mapping[str, Json]) -> bytes:
    """Return the bytes that become the leaf: only known members, PEM normalised.

    Raises:
        EntryRefusedError: something is missing, unreadable, or a signature is wrong.
    """
    if api_version != API_VERSION:
        raise EntryRefusedError(f"entry kind '{kind}' does not support inserting entries of version '{api_version}'")
    stored = _hashedrekord(spec) if kind == "hashedrekord" else _dsse(spec)
    return jcs({"apiVersion": API_VERSION, "kind": kind, "spec": stored})


def _hashedrekord(spec: Mapping[str, Json]) -> Json:
    signature = _object(spec, "signature", "missing signature")
    public_key = _object(signature, "publicKey", "missing public key")
    digest = _object(_object(spec, "data", "missing data"), "hash", "missing hash")
    algorithm, value = _text(digest, "algorithm"), _text(digest, "value")
    if algorithm not in _HASHES:
        raise EntryRefusedError("validation failure list:\nalgorithm in body should be one of [sha256 sha384 sha512]")
    hasher = _HASHES[algorithm]()
    if len(value) != hasher.digest_size * 2:
        raise EntryRefusedError("invalid value for hash")
    key, pem = _verifier(_decoded(public_key, "content"))
    raw = _decoded(signature, "content")
    try:
        is_good = keys.is_digest_signed(key, raw, bytes.fromhex(value), hasher)
    except ValueError as error:
        raise EntryRefusedError("invalid value for hash") from error
    if not is_good:
        raise EntryRefusedError("verifying signature: invalid signature when validating ASN.1 encoded signature")
    return {
        "data": {"hash": {"algorithm": algorithm, "value": value}},
        "signature": {"content": keys.b64(raw), "publicKey": {"content": keys.b64(pem)}},
    }


def _dsse(spec: Mapping[str, Json]) -> Json:
    proposed = _object(
        spec, "proposedContent", "either proposedContent or envelopeHash, payloadHash, and signatures must be present"
    )
    text = _text(proposed, "envelope")
    envelope = _parsed(text)
    payload = _decoded(envelope, "payload")
    signed = _pre_authentication(_text(envelope, "payloadType"), payload)
    wanted = [_text(item, "sig") for item in _objects(envelope, "signatures")]
    if not wanted:
        raise EntryRefusedError("could not verify envelope: no signatures found")
    verifier_of: dict[str, str] = {}
    for encoded in _texts(proposed, "verifiers"):
        key, pem = _verifier(_unb64(encoded))
        good = [sig for sig in wanted if keys.is_signed(key, _unb64(sig), signed)]
        if not good:
            raise EntryRefusedError(
                "could not verify envelope: accepted signatures do not match threshold, Found: 0, Expected 1"
            )
        verifier_of |= dict.fromkeys(good, keys.b64(pem))
    if set(wanted) != set(verifier_of):
        raise EntryRefusedError("all signatures must have a key that verifies it")
    return {
        "envelopeHash": _sha256(text.encode()),
        "payloadHash": _sha256(payload),
        "signatures": [{"signature": sig, "verifier": verifier_of[sig]} for sig in sorted(verifier_of)],
    }


def _pre_authentication(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _sha256(data: bytes) -> Json:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _verifier(pem: bytes) -> tuple[keys.SigningKey, bytes]:
    """Return the key in a PEM certificate or public key, and that PEM in its normal form."""
    try:
        if pem.lstrip().startswith(_PEM_CERTIFICATE):
            certificate = x509.load_pem_x509_certificate(pem)
            return keys.accepted_key(certificate.public_key()), keys.certificate_pem(certificate)
        key = load_pem_public_key(pem)
        return keys.accepted_key(key), keys.public_pem(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EntryRefusedError("could not parse public key as x509: invalid public key") from error


def _parsed(text: str) -> Mapping[str, Json]:
    try:
        value = canonical.parse(text.encode())
    except TagsealError as error:
        raise EntryRefusedError("the envelope is not JSON") from error
    if not isinstance(value, Mapping):
        raise EntryRefusedError("the envelope is not a JSON object")
    return value


def _object(value: Mapping[str, Json], name: str, missing: str) -> Mapping[str, Json]:
    found = value.get(name)
    if not isinstance(found, Mapping):
        raise EntryRefusedError(missing)
    return found


def _items(value: Mapping[str, Json], name: str) -> Sequence[Json]:
    found = value.get(name)
    if not isinstance(found, list):
        raise EntryRefusedError(f"validation failure list:\n{name} in body is required")
    return found


def _objects(value: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    return [item for item in _items(value, name) if isinstance(item, Mapping)]


def _texts(value: Mapping[str, Json], name: str) -> list[str]:
    return [item for item in _items(value, name) if isinstance(item, str)]


def _text(value: Mapping[str, Json], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise EntryRefusedError(f"validation failure list:\n{name} in body is required")
    return found


def _decoded(value: Mapping[str, Json], name: str) -> bytes:
    return _unb64(_text(value, name))


def _unb64(text: str) -> bytes:
    try:
        return keys.unb64(text)
    except ValueError as error:
        raise EntryRefusedError("illegal base64 data") from error
