"""What a Fulcio certificate says about the job that signed.

Spec: Fulcio's OID list, arc 1.3.6.1.4.1.57264.1; from .8 on each value is a DER UTF8String.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cryptography import x509

ARC: Final = "1.3.6.1.4.1.57264.1."
FIRST: Final = 8
LAST: Final = 22
_UTF8_STRING: Final = 0x0C
_LONG_FORM: Final = 0x80
_MAX_LENGTH_BYTES: Final = 2

ISSUER: Final = 8
SIGNER_DIGEST: Final = 10
RUNNER_ENVIRONMENT: Final = 11
SOURCE_REPOSITORY: Final = 12
SOURCE_DIGEST: Final = 13
SOURCE_REF: Final = 14
BUILD_CONFIG_URI: Final = 18
RUN_INVOCATION_URI: Final = 21


def read_claims(certificate: x509.Certificate) -> Mapping[int, str]:
    """Return number in the arc -> text, for .8 to .22; what the certificate lacks is missing.

    Raises:
        ValueError: a value is not one DER UTF8String.
    """
    found = {}
    for extension in certificate.extensions:
        oid = extension.oid.dotted_string
        number = oid.removeprefix(ARC)
        if oid == number or not number.isdigit() or not FIRST <= int(number) <= LAST:
            continue
        if not isinstance(extension.value, x509.UnrecognizedExtension):
            raise ValueError(f"the extension {oid} has an unexpected type")  # noqa: TRY004 - bad bytes, not a bad caller
        found[int(number)] = utf8_string(extension.value.value)
    return found


def subject_uri(certificate: x509.Certificate) -> str:
    """Return the one URI in the certificate's SAN.

    Raises:
        ValueError: there is not exactly one name, or it is not a URI.
    """
    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound as error:
        raise ValueError("the certificate has no SAN") from error
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier):
        raise ValueError("the certificate's SAN is not exactly one URI")
    return names[0].value


def utf8_string(der: bytes) -> str:
    """Return the text of one DER UTF8String with nothing after it. Raises: ValueError."""
    if len(der) < 2 or der[0] != _UTF8_STRING:  # noqa: PLR2004 - tag and length
        raise ValueError("a claim is not a DER UTF8String")
    length, start = der[1], 2
    if length & _LONG_FORM:
        size = length & ~_LONG_FORM
        start = 2 + size
        length = int.from_bytes(der[2:start], "big")
        if not 0 < size <= _MAX_LENGTH_BYTES or length < _LONG_FORM or der[2:3] == b"\0":
            raise ValueError("a claim's DER length is not minimal")
    if len(der) != start + length:
        raise ValueError("a claim's DER length is wrong")
    return der[start:].decode("utf-8")
