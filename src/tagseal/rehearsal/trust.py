"""What a client must know to trust a run's services: trusted root, signing configuration, client trust configuration.

Spec: sigstore protobuf-specs `TrustedRoot` v0.1, `SigningConfig` v0.2, `ClientTrustConfig` v0.1, as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.rehearsal import keys
from tagseal.rehearsal.certificate import ORGANIZATION, Authority

TRUSTED_ROOT: Final = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
SIGNING_CONFIG: Final = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
CLIENT_TRUST_CONFIG: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_BACKDATED: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustMaterial:
    """The public half of one run's services."""

    url: str
    """Base URL of certificate service and logs, no final slash."""
    oidc_url: str
    authority: Authority
    rekor_key: ec.EllipticCurvePublicKey
    ct_key: ec.EllipticCurvePublicKey
    started: datetime


def trusted_root(material: TrustMaterial) -> Json:
    """Return the trusted root, without timestamp authorities."""
    chain = (material.authority.intermediate, material.authority.root)
    return {
        "mediaType": TRUSTED_ROOT,
        "tlogs": [_log(material, material.rekor_key, material.url)],
        "certificateAuthorities": [
            {
                "subject": {"organization": ORGANIZATION, "commonName": "rehearsal root"},
                "uri": material.url,
                "certChain": {"certificates": [{"rawBytes": keys.b64(keys.certificate_der(item))} for item in chain]},
                "validFor": _valid_for(material),
            }
        ],
        "ctlogs": [_log(material, material.ct_key, f"{material.url}/ct")],
        "timestampAuthorities": [],
    }


def signing_config(material: TrustMaterial) -> Json:
    """Return where to sign: our certificate service and our Rekor v1 log."""
    return {
        "mediaType": SIGNING_CONFIG,
        "caUrls": [_service(material, material.url)],
        "oidcUrls": [_service(material, material.oidc_url)],
        "rekorTlogUrls": [_service(material, material.url)],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [],
        "tsaConfig": {"selector": "ANY"},
    }


def client_trust_config(material: TrustMaterial) -> Json:
    """Return both in one document."""
    return {
        "mediaType": CLIENT_TRUST_CONFIG,
        "trustedRoot": trusted_root(material),
        "signingConfig": signing_config(material),
    }


def as_document(value: Json) -> str:
    """Return indented JSON text for a file that people may read."""
    return canonical.dump(value, pretty=True).decode("utf-8")


def as_json_lines(value: Json) -> str:
    """Return one line of JSON: the form in which `gh` takes trusted roots."""
    return json.dumps(value, separators=(",", ":")) + "\n"


def _log(material: TrustMaterial, key: ec.EllipticCurvePublicKey, url: str) -> Json:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": keys.b64(keys.spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": _valid_for(material),
        },
        "logId": {"keyId": keys.b64(keys.key_id(key))},
    }


def _service(material: TrustMaterial, url: str) -> Json:
    return {"url": url, "majorApiVersion": 1, "validFor": _valid_for(material), "operator": ORGANIZATION}


def _valid_for(material: TrustMaterial) -> Json:
    return {"start": (material.started - _BACKDATED).strftime("%Y-%m-%dT%H:%M:%SZ")}
