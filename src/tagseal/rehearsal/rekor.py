"""The transparency log, as Rekor v1's API answers it, over a real Merkle tree.

Spec: Rekor's OpenAPI document (v1); checkpoints are C2SP signed notes; RFC 6962 for the tree.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError
from tagseal.ports import Clock
from tagseal.rehearsal import keys
from tagseal.rehearsal.http import Request, Response, json_response
from tagseal.rehearsal.merkle import MerkleTree, leaf_hash
from tagseal.rehearsal.rekor_entry import EntryRefusedError, jcs, stored_body

LOG: Final = "/api/v1/log"
PUBLIC_KEY: Final = "/api/v1/log/publicKey"
ENTRIES: Final = "/api/v1/log/entries"
HOST: Final = "127.0.0.1"
"""Name in checkpoints: the host of the log's base URL without its port, which clients compare."""
_KINDS: Final = ("hashedrekord", "dsse")
_UUID: Final = re.compile(r"[0-9a-fA-F]{64}|[0-9a-fA-F]{80}")
_INDEX: Final = re.compile(r"-?[0-9]{1,18}")
_LEAF_HEX: Final = 64
_REQUIRED, _WRONG_TYPE, _PATTERN, _TOO_SMALL = 602, 601, 605, 609


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry of the log."""

    uuid: str
    """Tree id (16 hex digits) and leaf hash (64)."""
    index: int
    body: bytes
    """Canonical JSON: the leaf."""
    integrated_s: int
    """Seconds since the epoch."""
    signed_entry_timestamp: bytes


class _AnsweredError(Exception):
    """The request is refused with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def _refusal(status: int, message: str, *, code: int | None = None) -> _AnsweredError:
    return _AnsweredError(json_response(status, {"code": code or status, "message": message}))


class RekorService:
    """An append-only log with one key and one tree."""

    def __init__(self, *, clock: Clock) -> None:
        """Start with an empty tree and a key of its own."""
        self._clock = clock
        self._key = keys.new_key()
        self._lock = threading.Lock()
        self._tree = MerkleTree()
        self._by_leaf: dict[str, LogEntry] = {}
        self.tree_id = secrets.randbits(62) | 1 << 62
        """Always 16 hex digits."""
        self.entries: list[LogEntry] = []

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """What the trusted root names."""
        return self._key.public_key()

    def handle(self, request: Request) -> Response:
        """Answer below `/api/v1/log`."""
        try:
            if request.path == ENTRIES:
                return self._entries(request)
            if request.path.startswith(f"{ENTRIES}/"):
                _only(request, "GET")
                return self._by_uuid(request.path.removeprefix(f"{ENTRIES}/"))
            if request.path == PUBLIC_KEY:
                _only(request, "GET")
                pem = keys.public_pem(self.public_key)
                return Response(status=200, body=pem, content_type="application/x-pem-file")
            if request.path == LOG:
                _only(request, "GET")
                return self._info()
            raise _refusal(404, f"path {request.path} was not found")
        except _AnsweredError as answer:
            return answer.response

    def _entries(self, request: Request) -> Response:
        if request.method == "POST":
            return self._create(request)
        _only(request, "GET", "POST")
        values = request.query.get("logIndex", [""])
        if not values[0]:
            raise _refusal(422, "logIndex in query is required", code=_REQUIRED)
        if not _INDEX.fullmatch(values[0]):
            raise _refusal(422, f'logIndex in query must be of type int64: "{values[0]}"', code=_WRONG_TYPE)
        index = int(values[0])
        if index < 0:
            raise _refusal(422, "logIndex in query should be greater than or equal to 0", code=_TOO_SMALL)
        with self._lock:
            if index >= len(self.entries):
                return Response(status=404)
            return json_response(200, self._answer(self.entries[index]))

    def _by_uuid(self, uuid: str) -> Response:
        if not _UUID.fullmatch(uuid):
            pattern = "^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$"
            raise _refusal(422, f"entryUUID in path should match '{pattern}'", code=_PATTERN)
        with self._lock:
            entry = self._by_leaf.get(uuid[-_LEAF_HEX:].lower())
            if entry is None or not entry.uuid.endswith(uuid.lower()):
                return Response(status=404)
            return json_response(200, self._answer(entry))

    def _create(self, request: Request) -> Response:
        proposal = _proposal(request)
        kind, api_version, spec = proposal.get("kind"), proposal.get("apiVersion"), proposal.get("spec")
        if kind not in _KINDS:
            raise _refusal(422, f'invalid kind value: "{kind}"')
        if not isinstance(api_version, str) or not isinstance(spec, Mapping):
            raise _refusal(422, "validation failure list:\napiVersion and spec in body are required", code=422)
        try:
            body = stored_body(str(kind), api_version, spec)
        except EntryRefusedError as error:
            raise _refusal(400, f"error processing entry: {error}") from error
        with self._lock:
            leaf = leaf_hash(body)
            if known := self._by_leaf.get(leaf.hex()):
                message = f"an equivalent entry already exists in the transparency log with UUID {known.uuid}"
                headers = {"Location": f"{ENTRIES}/{known.uuid}"}
                return json_response(409, {"code": 409, "message": message}, headers=headers)
            entry = self._append(leaf, body)
            headers = {"ETag": entry.uuid, "Location": f"{ENTRIES}/{entry.uuid}"}
            return json_response(201, self._answer(entry), headers=headers)

    def _append(self, leaf: bytes, body: bytes) -> LogEntry:
        index = self._tree.append(leaf)
        integrated_s = int(self._clock.now().timestamp())
        entry = LogEntry(
            uuid=f"{self.tree_id:016x}{leaf.hex()}",
            index=index,
            body=body,
            integrated_s=integrated_s,
            signed_entry_timestamp=keys.sign(self._key, jcs(self._promised(body, integrated_s, index))),
        )
        self.entries.append(entry)
        self._by_leaf[leaf.hex()] = entry
        return entry

    def _promised(self, body: bytes, integrated_s: int, index: int) -> dict[str, Json]:
        """Return what the signed entry timestamp covers."""
        log_id = keys.key_id(self.public_key).hex()
        return {"body": keys.b64(body), "integratedTime": integrated_s, "logID": log_id, "logIndex": index}

    def _answer(self, entry: LogEntry) -> Json:
        """Return the entry with a proof in the tree as it is now; the lock is held."""
        proof: Json = {
            "checkpoint": self._checkpoint(),
            "hashes": [item.hex() for item in self._tree.inclusion_proof(entry.index)],
            "logIndex": entry.index,
            "rootHash": self._tree.root().hex(),
            "treeSize": self._tree.size,
        }
        verification: Json = {
            "inclusionProof": proof,
            "signedEntryTimestamp": keys.b64(entry.signed_entry_timestamp),
        }
        promised = self._promised(entry.body, entry.integrated_s, entry.index)
        return {entry.uuid: {**promised, "verification": verification}}

    def _checkpoint(self) -> str:
        note = f"{HOST} - {self.tree_id}\n{self._tree.size}\n{keys.b64(self._tree.root())}\n"
        hint = keys.key_id(self.public_key)[:4]
        return f"{note}\n\u2014 {HOST} {keys.b64(hint + keys.sign(self._key, note.encode()))}\n"

    def _info(self) -> Response:
        with self._lock:
            info: Json = {
                "inactiveShards": [],
                "rootHash": self._tree.root().hex(),
                "signedTreeHead": self._checkpoint(),
                "treeID": str(self.tree_id),
                "treeSize": self._tree.size,
            }
        return json_response(200, info)


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise _refusal(405, f"method {request.method} is not allowed, but [{','.join(methods)}] are")


def _proposal(request: Request) -> Mapping[str, Json]:
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        allowed = "[application/json application/yaml]"
        raise _refusal(415, f'unsupported media type "{media_type}", only {allowed} are allowed')
    if not request.body:
        raise _refusal(422, "proposedEntry in body is required", code=_REQUIRED)
    try:
        value = canonical.parse(request.body)
    except TagsealError as error:
        raise _refusal(500, "the proposed entry is not JSON") from error
    if not isinstance(value, Mapping):
        raise _refusal(500, "the proposed entry is not a JSON object")
    return value
