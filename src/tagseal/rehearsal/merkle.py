"""An append-only Merkle tree (RFC 6962 section 2.1) with logarithmic roots and proofs."""

from __future__ import annotations

import hashlib
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf (32 bytes)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (32 bytes)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Return the largest power of two below `size`; `size` is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


class MerkleTree:
    """Keeps the hash of every complete subtree, so that nothing is ever hashed twice.

    Not thread-safe: the log that owns it holds a lock.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._levels: list[list[bytes]] = [[]]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> int:
        """Add a leaf hash and return its index."""
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if len(self._levels) == level + 1:
                self._levels.append([])
            left, right = self._levels[level][-2:]
            level += 1
            self._levels[level].append(node_hash(left, right))
        return self.size - 1

    def root(self) -> bytes:
        """Return the root over all leaves; for an empty tree the hash of nothing."""
        return self._subtree(0, self.size) if self.size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the audit path of leaf `index` in the whole tree, from the leaf up.

        Raises:
            IndexError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        path: list[bytes] = []
        start, size = 0, self.size
        while size > 1:
            half = _split(size)
            if index - start < half:
                path.append(self._subtree(start + half, size - half))
                size = half
            else:
                path.append(self._subtree(start, half))
                start, size = start + half, size - half
        path.reverse()
        return path

    def _subtree(self, start: int, size: int) -> bytes:
        """Hash the leaves from `start` on; `start` is a multiple of the power of two that covers `size`."""
        if size & (size - 1) == 0:
            return self._levels[size.bit_length() - 1][start // size]
        half = _split(size)
        return node_hash(self._subtree(start, half), self._subtree(start + half, size - half))
