"""The certificate transparency log, as far as a certificate shows it: signed timestamps over precertificates.

Spec: RFC 6962 sections 3.2 (SignedCertificateTimestamp) and 3.3 (the list in a certificate).
"""

from __future__ import annotations

import hashlib
import struct
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from tagseal.rehearsal import keys

SCT_LIST_OID: Final = "1.3.6.1.4.1.11129.2.4.2"
_VERSION_1: Final = 0
_CERTIFICATE_TIMESTAMP: Final = 0
_PRECERT_ENTRY: Final = 1
_SHA256_ECDSA: Final = b"\x04\x03"
_NO_EXTENSIONS: Final = b"\x00\x00"
_DER_OCTET_STRING: Final = 0x04


class CtLog:
    """Signs timestamps; keeps no tree, because no client asks for one."""

    def __init__(self) -> None:
        """Make the log's key."""
        self._key = keys.new_key()

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """What the trusted root names."""
        return self._key.public_key()

    def sct_list(self, tbs: bytes, issuer: ec.EllipticCurvePublicKey, at: datetime) -> bytes:
        """Return the value of the SCT list extension for a certificate without it.

        `tbs` is the DER TBSCertificate that the final certificate will have but for this extension; `issuer` is the
        key that signs the leaf itself. Timestamps have milliseconds.
        """
        time_ms = int(at.timestamp() * 1000)
        entry = hashlib.sha256(keys.spki(issuer)).digest() + len(tbs).to_bytes(3, "big") + tbs
        head = struct.pack("!BBQH", _VERSION_1, _CERTIFICATE_TIMESTAMP, time_ms, _PRECERT_ENTRY)
        signature = keys.sign(self._key, head + entry + _NO_EXTENSIONS)
        log_id = keys.key_id(self.public_key)
        sct = struct.pack("!B32sQ", _VERSION_1, log_id, time_ms) + _NO_EXTENSIONS + _SHA256_ECDSA + _u16(signature)
        return der(_DER_OCTET_STRING, _u16(_u16(sct)))


def _u16(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def der(tag: int, content: bytes) -> bytes:
    """Return one DER value; lengths in the shortest form."""
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - the short form ends there
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
