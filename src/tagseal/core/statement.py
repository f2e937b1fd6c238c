"""in-toto Statements: built in canonical bytes, read strictly.

Spec: in-toto attestation framework, Statement v1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
PUBLISH: Final = "https://docs.pypi.org/attestations/publish/v1"
MAX_SUBJECTS: Final = 100_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

STATEMENT_INVALID: Final = Code(
    id="statement-invalid",
    exit_code=ExitCode.FAIL,
    why="A statement that two readers understand differently attests nothing.",
    fix="Get the attestation again from the release; do not edit it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One file that a statement is about."""

    name: str
    sha256: str
    """`sha256:<hex>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement as read."""

    subjects: tuple[Subject, ...]
    """At least one; no name twice."""
    predicate_type: str
    predicate: Mapping[str, Json] | None
    """None for JSON null (PyPI's publish predicate)."""


def build_statement(subjects: Sequence[Subject], *, predicate_type: str, predicate: Mapping[str, Json] | None) -> bytes:
    """Return the statement's canonical bytes, subjects sorted by name.

    Raises:
        TagsealError: `statement-invalid` for subjects that `parse_statement` would refuse.
    """
    ordered = sorted(subjects, key=lambda subject: subject.name)
    data = canonical.dump(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": s.name, "digest": {"sha256": s.sha256.removeprefix("sha256:")}} for s in ordered],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )
    parse_statement(data)
    return data


def parse_statement(data: bytes) -> Statement:
    """Read a statement of the form that `build_statement` writes: no other member, SHA-256 digests alone.

    Raises:
        TagsealError: `json-invalid`, `statement-invalid`.
    """
    value = canonical.parse(data)
    if not isinstance(value, dict) or value.keys() != {"_type", "subject", "predicateType", "predicate"}:
        _refuse("it has not exactly the members _type, subject, predicateType and predicate")
    if value["_type"] != STATEMENT_TYPE:
        _refuse(f"its _type is not {STATEMENT_TYPE}")
    predicate_type, predicate = value["predicateType"], value["predicate"]
    if not isinstance(predicate_type, str) or not predicate_type:
        _refuse("its predicateType is not a text")
    if predicate is not None and not isinstance(predicate, dict):
        _refuse("its predicate is neither an object nor null")
    return Statement(subjects=_subjects(value["subject"]), predicate_type=predicate_type, predicate=predicate)


def _refuse(what: str) -> NoReturn:
    raise TagsealError(STATEMENT_INVALID, f"This is not an in-toto Statement v1 of a release: {what}.")


def _subjects(value: Json) -> tuple[Subject, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_SUBJECTS:
        _refuse("it has no subjects, or too many")
    subjects = tuple(_subject(entry) for entry in value)
    if len({subject.name for subject in subjects}) != len(subjects):
        _refuse("it names a subject twice")
    return subjects


def _subject(entry: Json) -> Subject:
    if not isinstance(entry, dict) or entry.keys() != {"name", "digest"}:
        _refuse("a subject has not exactly a name and a digest")
    name, digest = entry["name"], entry["digest"]
    if not isinstance(name, str) or not name or "/" in name:
        _refuse("a subject's name is not a base name")
    if not isinstance(digest, dict) or digest.keys() != {"sha256"}:
        _refuse(f"the digest of {name} is not a SHA-256 alone")
    sha256 = digest["sha256"]
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        _refuse(f"the digest of {name} is not 64 lower-case hex digits")
    return Subject(name=name, sha256=f"sha256:{sha256}")
