"""The certificate authority: a root and an intermediate made per run, and leaves with Fulcio's extensions.

Spec: Fulcio's certificate profile and OID registry (1.3.6.1.4.1.57264.1); RFC 5280.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tagseal.rehearsal import keys
from tagseal.rehearsal.sct import SCT_LIST_OID, CtLog, der

ORGANIZATION: Final = "tagseal rehearsal"
LEAF_LIFETIME: Final = timedelta(minutes=10)
_CA_LIFETIME: Final = timedelta(days=3650)
_BACKDATED: Final = timedelta(days=1)
_ARC: Final = "1.3.6.1.4.1.57264.1"
_SERVER: Final = "https://github.com"
_DER_UTF8_STRING: Final = 0x0C

_RAW_EXTENSIONS: Final = {
    1: "{iss}",
    2: "{event_name}",
    3: "{sha}",
    4: "{workflow}",
    5: "{repository}",
    6: "{ref}",
}
"""Number below the arc -> template over the claims; the value stands there as bare bytes."""
_DER_EXTENSIONS: Final = {
    8: "{iss}",
    9: _SERVER + "/{job_workflow_ref}",
    10: "{job_workflow_sha}",
    11: "{runner_environment}",
    12: _SERVER + "/{repository}",
    13: "{sha}",
    14: "{ref}",
    15: "{repository_id}",
    16: _SERVER + "/{repository_owner}",
    17: "{repository_owner_id}",
    18: _SERVER + "/{workflow_ref}",
    19: "{workflow_sha}",
    20: "{event_name}",
    21: _SERVER + "/{repository}/actions/runs/{run_id}/attempts/{run_attempt}",
    22: "{repository_visibility}",
}
"""The same; the value is a DER UTF8String."""
_ENVIRONMENT_EXTENSION: Final = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A root, its intermediate, and the intermediate's key."""

    root: x509.Certificate
    intermediate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_authority(now: datetime) -> Authority:
    """Return a new authority, valid from a day before `now`."""
    root_key, key = keys.new_key(), keys.new_key()
    root = _ca("rehearsal root", root_key.public_key(), "rehearsal root", root_key, now, path_length=1)
    intermediate = _ca("rehearsal intermediate", key.public_key(), "rehearsal root", root_key, now, path_length=0)
    return Authority(root=root, intermediate=intermediate, key=key)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _ca(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    path_length: int,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _CA_LIFETIME)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if subject != issuer:
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        builder = builder.add_extension(authority_key, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def issue(
    authority: Authority, log: CtLog, claims: Mapping[str, str], key: keys.SigningKey, now: datetime
) -> x509.Certificate:
    """Return a leaf for `key` that says what the claims say, with the log's timestamp in it as the last extension.

    Raises:
        KeyError: a claim that the profile needs is missing; its name is the argument.
    """
    start = now.replace(microsecond=0)
    san = x509.UniformResourceIdentifier(f"{_SERVER}/{claims['job_workflow_ref']}")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.intermediate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LEAF_LIFETIME)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName([san]), critical=True)
    )
    for oid, value in _extensions(claims):
        builder = builder.add_extension(_unrecognized(oid, value), critical=False)
    # Signing once without the timestamps yields exactly the bytes that RFC 6962 has the log sign.
    tbs = builder.sign(authority.key, hashes.SHA256()).tbs_certificate_bytes
    timestamps = log.sct_list(tbs, authority.key.public_key(), now)
    return builder.add_extension(_unrecognized(SCT_LIST_OID, timestamps), critical=False).sign(
        authority.key, hashes.SHA256()
    )


def _unrecognized(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def _extensions(claims: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for number, template in _RAW_EXTENSIONS.items():
        yield f"{_ARC}.{number}", template.format_map(claims).encode()
    for number, template in _DER_EXTENSIONS.items():
        yield f"{_ARC}.{number}", der(_DER_UTF8_STRING, template.format_map(claims).encode())
    if environment := claims.get("environment"):
        yield f"{_ARC}.{_ENVIRONMENT_EXTENSION}", der(_DER_UTF8_STRING, environment.encode())
