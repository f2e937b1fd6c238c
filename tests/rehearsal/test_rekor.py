from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from support_sigstore import Answer, StillClock, b64, call, public_pem
from tagseal.rehearsal.sigstore_services import SigstoreServices

ENTRIES = "/api/v1/log/entries"
KEY = ec.generate_private_key(ec.SECP256R1())
SHA256 = ec.ECDSA(hashes.SHA256())


@pytest.fixture
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=StillClock()) as running:
        yield running


def hashedrekord(data: bytes = b"x", *, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, Any]:
    content = {"content": b64(key.sign(data, SHA256)), "publicKey": {"content": b64(public_pem(key).encode())}}
    digest = {"hash": {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": digest, "signature": content}}


def envelope(payload: bytes = b'{"a": 1}', *, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    signatures = [{"sig": b64(key.sign(signed, SHA256)), "keyid": ""}]
    value = {"payload": b64(payload), "payloadType": "application/vnd.in-toto+json", "signatures": signatures}
    return json.dumps(value, indent=1)


def dsse(text: str, *pems: str) -> dict[str, Any]:
    proposed = {"envelope": text, "verifiers": [b64(pem.encode()) for pem in (pems or (public_pem(KEY),))]}
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": proposed}}


def post(services: SigstoreServices, entry: object) -> Answer:
    return call(services.url, "POST", ENTRIES, data=entry)


def only(answer: Answer) -> tuple[str, Any]:
    ((uuid, entry),) = answer.json().items()
    return uuid, entry


def refused(answer: Answer, status: int) -> str:
    assert answer.status == status
    assert answer.json()["code"] == status
    return str(answer.json()["message"])


def test_an_entry_is_created_with_its_address_promise_and_checkpoint(services: SigstoreServices) -> None:
    answer = post(services, hashedrekord())
    uuid, entry = only(answer)
    assert answer.status == 201
    assert re.fullmatch(r"[0-9a-f]{80}", uuid)
    assert answer.headers["etag"] == uuid
    assert answer.headers["location"] == f"/api/v1/log/entries/{uuid}"
    body = base64.b64decode(entry["body"])
    assert uuid[16:] == hashlib.sha256(b"\x00" + body).hexdigest()
    assert entry["logIndex"] == 0
    key = load_pem_public_key(call(services.url, "GET", "/api/v1/log/publicKey").body)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert entry["logID"] == hashlib.sha256(spki).hexdigest()
    promised = {name: entry[name] for name in ("body", "integratedTime", "logID", "logIndex")}
    promise = base64.b64decode(entry["verification"]["signedEntryTimestamp"])
    key.verify(promise, json.dumps(promised, sort_keys=True, separators=(",", ":")).encode(), SHA256)
    note, _, signature = entry["verification"]["inclusionProof"]["checkpoint"].partition("\n\n")
    assert note.split("\n")[:2] == [f"127.0.0.1 - {int(uuid[:16], 16)}", "1"]
    name, raw = signature.removeprefix("\u2014 ").split()
    assert name == "127.0.0.1"
    key.verify(base64.b64decode(raw)[4:], f"{note}\n".encode(), SHA256)
    assert base64.b64decode(raw)[:4] == hashlib.sha256(spki).digest()[:4]


def test_a_stored_hashedrekord_is_canonical_with_a_normalised_key(services: SigstoreServices) -> None:
    entry = hashedrekord()
    sloppy = public_pem(KEY).replace("\n", "\r\n") + "\n\n"
    entry["spec"]["signature"]["publicKey"]["content"] = b64(sloppy.encode())
    entry["spec"]["unknown"] = "dropped"
    body = base64.b64decode(only(post(services, entry))[1]["body"])
    expected = {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(b"x").hexdigest()}},
            "signature": {
                "content": entry["spec"]["signature"]["content"],
                "publicKey": {"content": b64(public_pem(KEY).encode())},
            },
        },
    }
    assert body == json.dumps(expected, sort_keys=True, separators=(",", ":")).encode()


def test_a_stored_dsse_entry_hashes_the_envelope_exactly_as_sent(services: SigstoreServices) -> None:
    text = envelope()
    stored = json.loads(base64.b64decode(only(post(services, dsse(text)))[1]["body"]))
    signature = json.loads(text)["signatures"][0]["sig"]
    assert stored["spec"] == {
        "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(text.encode()).hexdigest()},
        "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(b'{"a": 1}').hexdigest()},
        "signatures": [{"signature": signature, "verifier": b64(public_pem(KEY).encode())}],
    }


def _pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_rsa_and_ed25519_signatures_are_checked_too(services: SigstoreServices) -> None:
    rsa_key, ed_key = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
    signed = b"DSSEv1 1 t 4 data"
    value = {"payload": b64(b"data"), "payloadType": "t"}
    for pem, signature in (
        (_pem(ed_key), ed_key.sign(signed)),
        (_pem(rsa_key), rsa_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())),
    ):
        text = json.dumps({**value, "signatures": [{"sig": b64(signature)}]})
        assert post(services, dsse(text, pem)).status == 201
        text = json.dumps({**value, "signatures": [{"sig": b64(signature[:-1] + b"x")}]})
        assert post(services, dsse(text, pem)).status == 400
    entry = hashedrekord()
    entry["spec"]["signature"] = {
        "content": b64(rsa_key.sign(b"x", padding.PKCS1v15(), hashes.SHA256())),
        "publicKey": {"content": b64(_pem(rsa_key).encode())},
    }
    assert post(services, entry).status == 201


def test_several_signers_need_a_key_each(services: SigstoreServices) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    both = json.loads(envelope())
    both["signatures"] += json.loads(envelope(key=other))["signatures"]
    text = json.dumps(both)
    assert post(services, dsse(text, public_pem(KEY), public_pem(other))).status == 201
    message = refused(post(services, dsse(text + " ", public_pem(KEY))), 400)
    assert message == "error processing entry: all signatures must have a key that verifies it"


def test_an_identical_entry_is_a_conflict_that_names_the_first(services: SigstoreServices) -> None:
    entry = hashedrekord()
    uuid, _ = only(post(services, entry))
    again = post(services, entry)
    message = f"an equivalent entry already exists in the transparency log with UUID {uuid}"
    assert (again.status, again.json()) == (409, {"code": 409, "message": message})
    assert again.headers["location"] == f"/api/v1/log/entries/{uuid}"
    assert len(services.rekor.entries()) == 1


def test_entries_are_found_by_index_and_both_uuid_forms_with_a_fresh_proof(services: SigstoreServices) -> None:
    first, _ = only(post(services, hashedrekord(b"1")))
    for data in (b"2", b"3"):
        post(services, hashedrekord(data))
    proof: dict[str, Any] = {}
    for path in ("?logIndex=0", f"/{first}", f"/{first[16:]}", f"/{first.upper()}"):
        uuid, entry = only(call(services.url, "GET", ENTRIES + path))
        proof = entry["verification"]["inclusionProof"]
        assert uuid == first
        assert (proof["treeSize"], len(proof["hashes"])) == (3, 2)
    info = call(services.url, "GET", "/api/v1/log").json()
    assert info["treeSize"] == 3
    assert info["rootHash"] == proof["rootHash"]
    assert int(info["treeID"]) == int(first[:16], 16)


def test_what_is_not_there_is_404_with_an_empty_body(services: SigstoreServices) -> None:
    uuid, _ = only(post(services, hashedrekord()))
    for path in (f"{ENTRIES}?logIndex=1", f"{ENTRIES}/{'0' * 64}", f"{ENTRIES}/{'0' * 16}{uuid[16:]}"):
        answer = call(services.url, "GET", path)
        assert (answer.status, answer.body) == (404, b"")


def test_malformed_look_ups_are_422(services: SigstoreServices) -> None:
    codes = {
        f"{ENTRIES}/xyz": 605,
        f"{ENTRIES}/{'0' * 63}": 605,
        ENTRIES: 602,
        f"{ENTRIES}?logIndex=one": 601,
        f"{ENTRIES}?logIndex=-1": 609,
    }
    for path, code in codes.items():
        answer = call(services.url, "GET", path)
        assert (answer.status, answer.json()["code"]) == (422, code)


def test_bodies_that_are_no_entry_are_refused_like_the_real_server_does(services: SigstoreServices) -> None:
    empty = call(services.url, "POST", ENTRIES, raw=b"", headers={"Content-Type": "application/json"})
    assert (empty.status, empty.json()["code"]) == (422, 602)
    unknown = post(services, {**hashedrekord(), "kind": "rekord2"})
    assert refused(unknown, 422) == 'invalid kind value: "rekord2"'
    for raw in (b"{", b"[]", b'{"kind":1,"kind":2}'):
        assert call(services.url, "POST", ENTRIES, raw=raw).status == 500
    plain = call(services.url, "POST", ENTRIES, raw=b"{}", headers={"Content-Type": "text/plain"})
    assert refused(plain, 415).startswith('unsupported media type "text/plain"')
    assert post(services, {"kind": "dsse"}).status == 422
    assert services.rekor.entries() == ()


def test_wrong_methods_and_paths(services: SigstoreServices) -> None:
    assert refused(call(services.url, "PUT", ENTRIES), 405) == "method PUT is not allowed, but [GET,POST] are"
    assert refused(call(services.url, "POST", "/api/v1/log"), 405) == "method POST is not allowed, but [GET] are"
    assert refused(call(services.url, "GET", "/api/v1/log/proofs"), 404) == "path /api/v1/log/proofs was not found"


def _bad_hashedrekords() -> Iterator[tuple[str, Any, str]]:
    entry = hashedrekord()
    entry["spec"]["data"]["hash"]["value"] = hashlib.sha256(b"y").hexdigest()
    yield "other-digest", entry, "verifying signature: "
    entry = hashedrekord()
    entry["spec"]["signature"]["publicKey"]["content"] = b64(
        public_pem(ec.generate_private_key(ec.SECP256R1())).encode()
    )
    yield "other-key", entry, "verifying signature: "
    entry = hashedrekord()
    pem = ed25519.Ed25519PrivateKey.generate().public_key()
    entry["spec"]["signature"]["publicKey"]["content"] = b64(
        pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    yield "ed25519", entry, "verifying signature: "
    entry = hashedrekord()
    entry["spec"]["data"]["hash"]["value"] = "zz" * 32
    yield "not-hex", entry, "invalid value for hash"
    entry = hashedrekord()
    entry["spec"]["data"]["hash"]["value"] = "ab"
    yield "short", entry, "invalid value for hash"
    entry = hashedrekord()
    entry["spec"]["data"]["hash"]["algorithm"] = "md5"
    yield "md5", entry, "validation failure list:\nalgorithm in body should be one of"
    entry = hashedrekord()
    entry["spec"]["signature"]["publicKey"]["content"] = b64(b"no key")
    yield "no-key", entry, "could not parse public key as x509"
    entry = hashedrekord()
    entry["spec"]["signature"]["content"] = "!"
    yield "not-base64", entry, "illegal base64 data"
    entry = hashedrekord()
    del entry["spec"]["signature"]
    yield "no-signature", entry, "missing signature"
    yield (
        "version",
        {**hashedrekord(), "apiVersion": "0.0.9"},
        "entry kind 'hashedrekord' does not support inserting entries of version '0.0.9'",
    )


@pytest.mark.parametrize(("entry", "text"), [pytest.param(e, t, id=i) for i, e, t in _bad_hashedrekords()])
def test_a_bad_hashedrekord_is_400_and_not_logged(services: SigstoreServices, entry: Any, text: str) -> None:
    assert refused(post(services, entry), 400).startswith(f"error processing entry: {text}")
    assert services.rekor.entries() == ()


def _bad_envelopes() -> Iterator[tuple[str, Any, str]]:
    other = ec.generate_private_key(ec.SECP256R1())
    yield "other-key", dsse(envelope(), public_pem(other)), "could not verify envelope: "
    changed = json.loads(envelope())
    changed["payload"] = b64(b"changed")
    yield "payload", dsse(json.dumps(changed)), "could not verify envelope: "
    changed = json.loads(envelope())
    changed["signatures"] = []
    yield "unsigned", dsse(json.dumps(changed)), "could not verify envelope: no signatures found"
    yield "no-json", dsse("{"), "the envelope is not JSON"
    yield "no-object", dsse("[]"), "the envelope is not a JSON object"
    entry = dsse(envelope())
    entry["spec"] = {}
    yield "nothing", entry, "either proposedContent or"
    entry = dsse(envelope())
    del entry["spec"]["proposedContent"]["verifiers"]
    yield "no-verifiers", entry, "validation failure list:\nverifiers in body is required"
    entry = dsse(envelope())
    entry["spec"]["proposedContent"]["envelope"] = 1
    yield "number", entry, "validation failure list:\nenvelope in body is required"


@pytest.mark.parametrize(("entry", "text"), [pytest.param(e, t, id=i) for i, e, t in _bad_envelopes()])
def test_a_bad_envelope_is_400_and_not_logged(services: SigstoreServices, entry: Any, text: str) -> None:
    assert refused(post(services, entry), 400).startswith(f"error processing entry: {text}")
    assert services.rekor.entries() == ()


def test_entries_from_many_threads_get_indexes_without_gaps(services: SigstoreServices) -> None:
    def add(number: int) -> None:
        assert post(services, hashedrekord(b"%d" % number)).status == 201

    threads = [threading.Thread(target=add, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.index for entry in services.rekor.entries()] == list(range(24))
