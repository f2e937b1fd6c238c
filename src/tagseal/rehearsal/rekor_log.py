"""The append-only log itself: tree, promises, checkpoints and proofs, as Rekor v1 makes them.

Spec: RFC 6962 for the tree; checkpoints are C2SP signed notes; Rekor's signed entry timestamps.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from tagseal.core.canonical import Json
from tagseal.ports import Clock
from tagseal.rehearsal import keys
from tagseal.rehearsal.merkle import MerkleTree, leaf_hash
from tagseal.rehearsal.rekor_entry import jcs

HOST: Final = "127.0.0.1"
"""Name in checkpoints: the host of the log's base URL without its port, which clients compare."""
_LEAF_HEX: Final = 64


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


class TransparencyLog:
    """One tree and one key; safe to use from several threads."""

    def __init__(self, *, clock: Clock) -> None:
        """Start with an empty tree and a key of its own."""
        self._clock = clock
        self._key = keys.new_key()
        self._lock = threading.Lock()
        self._tree = MerkleTree()
        self._by_leaf: dict[str, LogEntry] = {}
        self._entries: list[LogEntry] = []
        self.public_key: ec.EllipticCurvePublicKey = self._key.public_key()
        self._id = keys.key_id(self.public_key)
        self.tree_id = secrets.randbits(62) | 1 << 62
        """Always 16 hex digits."""

    def entries(self) -> tuple[LogEntry, ...]:
        """Return everything logged so far, in order."""
        with self._lock:
            return tuple(self._entries)

    def by_index(self, index: int) -> LogEntry | None:
        """Return the entry at `index` (0 or more)."""
        with self._lock:
            return self._entries[index] if index < len(self._entries) else None

    def by_uuid(self, uuid: str) -> LogEntry | None:
        """Return the entry with that UUID: 64 hex digits, or 80 with this tree's id before them."""
        with self._lock:
            entry = self._by_leaf.get(uuid[-_LEAF_HEX:].lower())
        return entry if entry and entry.uuid.endswith(uuid.lower()) else None

    def add(self, body: bytes) -> tuple[LogEntry, bool]:
        """Return the entry for `body` and whether it is new: the same bytes are never logged twice."""
        leaf = leaf_hash(body)
        with self._lock:
            known = self._by_leaf.get(leaf.hex())
            if known is not None:
                return known, False
            index = self._tree.append(leaf)
            integrated_s = int(self._clock.now().timestamp())
            promise = keys.sign(self._key, jcs(self._promised(body, integrated_s, index)))
            entry = LogEntry(
                uuid=f"{self.tree_id:016x}{leaf.hex()}",
                index=index,
                body=body,
                integrated_s=integrated_s,
                signed_entry_timestamp=promise,
            )
            self._entries.append(entry)
            self._by_leaf[leaf.hex()] = entry
        return entry, True

    def answer(self, entry: LogEntry) -> dict[str, Json]:
        """Return the entry as the API shows it, with a proof in the tree as it is now."""
        with self._lock:
            proof: Json = {
                "checkpoint": self._checkpoint(),
                "hashes": [item.hex() for item in self._tree.inclusion_proof(entry.index)],
                "logIndex": entry.index,
                "rootHash": self._tree.root().hex(),
                "treeSize": self._tree.size,
            }
        promise = keys.b64(entry.signed_entry_timestamp)
        promised = self._promised(entry.body, entry.integrated_s, entry.index)
        return {entry.uuid: {**promised, "verification": {"inclusionProof": proof, "signedEntryTimestamp": promise}}}

    def info(self) -> dict[str, Json]:
        """Return the state of the log as the API shows it."""
        with self._lock:
            return {
                "inactiveShards": [],
                "rootHash": self._tree.root().hex(),
                "signedTreeHead": self._checkpoint(),
                "treeID": str(self.tree_id),
                "treeSize": self._tree.size,
            }

    def _promised(self, body: bytes, integrated_s: int, index: int) -> dict[str, Json]:
        """Return what the signed entry timestamp covers."""
        return {"body": keys.b64(body), "integratedTime": integrated_s, "logID": self._id.hex(), "logIndex": index}

    def _checkpoint(self) -> str:
        note = f"{HOST} - {self.tree_id}\n{self._tree.size}\n{keys.b64(self._tree.root())}\n"
        return f"{note}\n\u2014 {HOST} {keys.b64(self._id[:4] + keys.sign(self._key, note.encode()))}\n"
