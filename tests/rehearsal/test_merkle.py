from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagseal.rehearsal.merkle import MerkleTree, leaf_hash

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The well-known test tree of certificate transparency: roots after each leaf."""


def root_from_proof(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2, written apart from the tree."""
    node, last, found = index, size - 1, leaf
    for item in proof:
        assert last > 0
        if node & 1 or node == last:
            found = hashlib.sha256(b"\x01" + item + found).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + item).digest()
        node, last = node >> 1, last >> 1
    assert last == 0
    return found


def test_the_roots_are_those_of_the_published_test_tree() -> None:
    tree = MerkleTree()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for data, root in zip(LEAVES, ROOTS, strict=True):
        tree.append(leaf_hash(bytes.fromhex(data)))
        assert tree.root().hex() == root


@given(size=st.integers(1, 300), data=st.data())
def test_every_inclusion_proof_leads_to_the_root(size: int, data: st.DataObject) -> None:
    tree = MerkleTree()
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    for number, leaf in enumerate(leaves):
        assert tree.append(leaf) == number
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index)
    assert root_from_proof(leaves[index], index, size, proof) == tree.root()
    assert len(proof) <= (size - 1).bit_length()


def test_a_leaf_that_is_not_there_has_no_proof() -> None:
    tree = MerkleTree()
    tree.append(leaf_hash(b"one"))
    for index in (-1, 1):
        with pytest.raises(IndexError):
            tree.inclusion_proof(index)
