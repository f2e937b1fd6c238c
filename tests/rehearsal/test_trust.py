from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from support_sigstore import StillClock
from tagseal.rehearsal.sigstore_services import SigstoreServices

START = {"start": "2026-01-01T12:00:00Z"}


@pytest.fixture
def services() -> SigstoreServices:
    services = SigstoreServices(clock=StillClock(datetime(2026, 1, 2, 12, tzinfo=UTC)))
    services.stop()  # frees the port; nothing here is asked over HTTP
    return services


def test_the_trusted_root_has_the_v01_form(services: SigstoreServices) -> None:
    root: dict[str, Any] = json.loads(services.trusted_root_json())
    assert root["mediaType"] == "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
    assert root["timestampAuthorities"] == []
    (authority,) = root["certificateAuthorities"]
    assert authority["subject"] == {"organization": "tagseal rehearsal", "commonName": "rehearsal root"}
    assert (authority["uri"], authority["validFor"]) == (services.url, START)
    intermediate, top = (
        x509.load_der_x509_certificate(base64.b64decode(item["rawBytes"]))
        for item in authority["certChain"]["certificates"]
    )
    intermediate.verify_directly_issued_by(top)
    top.verify_directly_issued_by(top)
    (log,) = root["tlogs"]
    assert log["baseUrl"] == services.url
    assert log["hashAlgorithm"] == "SHA2_256"
    assert log["publicKey"]["keyDetails"] == "PKIX_ECDSA_P256_SHA_256"
    assert load_der_public_key(base64.b64decode(log["publicKey"]["rawBytes"])) == services.rekor.public_key
    (ct_log,) = root["ctlogs"]
    assert ct_log["publicKey"]["validFor"] == START
    assert ct_log["logId"] != log["logId"]


def test_the_signing_configuration_names_rekor_v1_and_no_timestamp_authority(services: SigstoreServices) -> None:
    config: dict[str, Any] = json.loads(services.trust_config_json())
    assert config["mediaType"] == "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    assert config["trustedRoot"] == json.loads(services.trusted_root_json())
    service = {
        "url": services.url,
        "majorApiVersion": 1,
        "validFor": START,
        "operator": "tagseal rehearsal",
    }
    assert config["signingConfig"] == {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [service],
        "oidcUrls": [{**service, "url": f"{services.url}/oidc"}],
        "rekorTlogUrls": [service],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [],
        "tsaConfig": {"selector": "ANY"},
    }


def test_the_json_lines_form_is_the_same_on_one_line(services: SigstoreServices) -> None:
    text = services.trusted_root_jsonl()
    assert text.count("\n") == 1
    assert text.endswith("}\n")
    assert json.loads(text) == json.loads(services.trusted_root_json())


def test_no_two_runs_share_a_root(services: SigstoreServices) -> None:
    other = SigstoreServices(clock=StillClock())
    other.stop()
    for part in ("tlogs", "ctlogs"):
        assert json.loads(services.trusted_root_json())[part] != json.loads(other.trusted_root_json())[part]
    certificates = [
        json.loads(item.trusted_root_json())["certificateAuthorities"][0]["certChain"]["certificates"]
        for item in (services, other)
    ]
    assert not {item["rawBytes"] for item in certificates[0]} & {item["rawBytes"] for item in certificates[1]}
