"""The list of a release's source files, as `verify-source` writes it and later steps read it (`tree.json`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tagseal.core import canonical, jsonable
from tagseal.core.jsonable import RESULT_INVALID
from tagseal.errors import TagsealError

TREE_SCHEMA: Final = "https://github.com/tagseal/tagseal/docs/reference/schemas/tree.v1.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """One file of the tagged tree."""

    path: str
    """Relative to the repository's top, `/` between parts."""
    mode: str
    """Git's octal mode: 100644, 100755, or 120000 for a link."""
    sha256: str
    """`sha256:<hex>` of the raw content; of a link, of its target's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Every file of the tagged commit, sorted by path."""

    commit: str
    files: tuple[TreeFile, ...]


def dump_tree(tree: Tree) -> bytes:
    """Return the canonical bytes of tree.json."""
    data = jsonable.encode(tree)
    if not isinstance(data, dict):
        raise TypeError("a dataclass encodes to an object")
    return canonical.dump({"schema": TREE_SCHEMA, **data})


def parse_tree(data: bytes) -> Tree:
    """Read tree.json.

    Raises:
        TagsealError: `json-invalid`, `result-invalid`.
    """
    value = canonical.parse(data)
    if not isinstance(value, dict) or value.get("schema") != TREE_SCHEMA:
        raise TagsealError(RESULT_INVALID, f"The list of source files does not carry the schema {TREE_SCHEMA}.")
    return jsonable.decode(Tree, {key: item for key, item in value.items() if key != "schema"})
