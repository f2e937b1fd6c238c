"""Which records a provenance statement names: the tie between a signature and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError

PROVENANCE_UNREADABLE: Final = Code(
    id="provenance-unreadable",
    exit_code=ExitCode.FAIL,
    why="The provenance names the builder and the records before it; without them nothing ties it to this release.",
    fix="Get the file again from the release; do not edit it.",
)


def record_digests(statement: bytes) -> Mapping[str, str]:
    """Return `steps/<node>/record.json` -> `sha256:<hex>` from a verified provenance statement's byproducts.

    Raises:
        TagsealError: `provenance-unreadable`, `json-invalid`.
    """
    details = _member(_member(canonical.parse(statement), "predicate"), "runDetails")
    byproducts = _member(details, "byproducts")
    if not isinstance(byproducts, list):
        raise TagsealError(PROVENANCE_UNREADABLE, "The provenance's byproducts are not a list.")
    found = {}
    for entry in byproducts:
        name = str(_member(entry, "name"))
        if name.startswith("steps/") and name.endswith("/record.json"):
            found[name] = f"sha256:{_member(_member(entry, 'digest'), 'sha256')}"
    return found


def _member(value: Json, name: str) -> Json:
    if not isinstance(value, dict) or name not in value:
        raise TagsealError(PROVENANCE_UNREADABLE, f"The provenance lacks {name}.")
    found: Json = value[name]
    return found
