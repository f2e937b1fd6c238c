"""`record.json`: the audit log as a graph of digests (design section 4, promise R23).

Each step's leg leaves one record naming what it read and wrote and the digests of its predecessors' records.
Each record also yields an in-toto link (https://in-toto.io/attestation/link/v0.3).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from tagseal.core import canonical, jsonable
from tagseal.core.canonical import Json
from tagseal.core.checks import Verdict

SCHEMA: Final = "https://github.com/tagseal/tagseal/docs/reference/schemas/record.v1.json"
LINK_PREDICATE: Final = "https://in-toto.io/attestation/link/v0.3"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one leg of one step did."""

    step: str
    leg: str
    """Empty when the step has no legs."""
    run_id: str
    attempt: int
    """1 for the first time this leg ran in this run."""
    started_at: str
    """UTC, RFC 3339 with microseconds and `Z`."""
    finished_at: str
    tools: dict[str, str]
    """Name -> version of what did the work."""
    inputs: dict[str, str]
    """Path in the release directory -> `sha256:<hex>`, of every file the step opened."""
    outputs: dict[str, str]
    """Path -> `sha256:<hex>` of every file it wrote, `result.json` included, `record.json` and `link.json` not."""
    verdict: Verdict
    predecessors: dict[str, str]
    """Node -> `sha256:<hex>` of its `record.json`."""

    @property
    def node(self) -> str:
        """The record's name in the graph."""
        return f"{self.step}.{self.leg}" if self.leg else self.step


def digest(data: bytes) -> str:
    """Return `sha256:<hex>` of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def dump(record: Record) -> bytes:
    """Return the canonical bytes of `record.json`."""
    return canonical.dump(with_schema(SCHEMA, record))


def parse(data: bytes) -> Record:
    """Parse `record.json`.

    Raises:
        TagsealError: `json-invalid`, `result-invalid`.
    """
    return jsonable.decode(Record, without_schema(canonical.parse(data), SCHEMA))


def with_schema(schema: str, value: object) -> Json:
    """Return `value` encoded, with its `schema` member."""
    data = jsonable.encode(value)
    if not isinstance(data, dict):
        raise TypeError("only dataclasses have a schema")
    return {"schema": schema, **data}


def without_schema(data: Json, schema: str) -> Json:
    """Return the object without its `schema` member when that is `schema`; anything else unchanged.

    A foreign `schema` stays in and is then refused as an unknown member.
    """
    if isinstance(data, dict) and data.get("schema") == schema:
        return {name: value for name, value in data.items() if name != "schema"}
    return data


def link(record: Record) -> bytes:
    """Return the record as an in-toto Statement with a link v0.3 predicate, in canonical bytes.

    Subject: the outputs; materials: the inputs. A leg that failed has return value 1.
    """
    statement: Json = {
        "_type": STATEMENT_TYPE,
        "subject": _descriptors(record.outputs),
        "predicateType": LINK_PREDICATE,
        "predicate": {
            "name": record.node,
            "command": ["tagseal", record.step, *(["--leg", record.leg] if record.leg else [])],
            "materials": _descriptors(record.inputs),
            "byproducts": {"return-value": 1 if record.verdict is Verdict.FAIL else 0},
            "environment": {"run": record.run_id, "attempt": str(record.attempt), **record.tools},
        },
    }
    return canonical.dump(statement)


def _descriptors(digests: dict[str, str]) -> list[Json]:
    return [
        {"name": name, "digest": {"sha256": value.removeprefix("sha256:")}} for name, value in sorted(digests.items())
    ]
