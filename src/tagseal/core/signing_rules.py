"""What may be signed: only statements about this release's own files, made for this source and this builder.

A signer that signs whatever lies in a folder would vouch for what somebody put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.core.canonical import Json
from tagseal.core.facts import SourceFacts
from tagseal.core.statement import PROVENANCE, PUBLISH, Statement, parse_statement
from tagseal.errors import Code, ExitCode, TagsealError

MULTIPLE: Final = "multiple.intoto.json"

STATEMENT_NOT_OURS: Final = Code(
    id="statement-not-ours",
    exit_code=ExitCode.FAIL,
    why="A signature under a statement about other files or another source would vouch for something never seen.",
    fix="Run `tagseal provenance` again in this release directory; if it stays so, find out who writes into it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What every statement is held against."""

    digests: Mapping[str, str]
    """Base name -> `sha256:<hex>` of the files in hand, equal to SHA256SUMS."""
    source: SourceFacts
    repository: str
    """URI."""
    builder_id: str


def expected_names(digests: Mapping[str, str]) -> tuple[str, ...]:
    """Return the base names of the statements that must be there, sorted."""
    each = (f"{name}{suffix}" for name in digests for suffix in (".intoto.json", ".publish.json"))
    return tuple(sorted([MULTIPLE, *each]))


def check_statements(statements: Mapping[str, bytes], ours: Ours) -> None:
    """Refuse a set of statements that is not exactly this release's.

    Raises:
        TagsealError: `statement-not-ours`, `statement-invalid`, `json-invalid`.
    """
    if tuple(sorted(statements)) != expected_names(ours.digests):
        odd = sorted(set(statements) ^ set(expected_names(ours.digests)))
        raise _not_ours(f"there is no one statement for each file: {odd[0]} is missing or was added")
    for name, data in statements.items():
        statement = parse_statement(data)
        _check_subjects(name, statement, ours)
        if name.endswith(".publish.json"):
            _check_publish(name, statement)
        else:
            _check_provenance(name, statement, ours)


def _check_subjects(name: str, statement: Statement, ours: Ours) -> None:
    found = {subject.name: subject.sha256 for subject in statement.subjects}
    file = name.removesuffix(".publish.json").removesuffix(".intoto.json")
    expected = dict(ours.digests) if name == MULTIPLE else {file: ours.digests[file]}
    if found != expected:
        raise _not_ours(f"{name} is about other files or other bytes")


def _check_publish(name: str, statement: Statement) -> None:
    if statement.predicate_type != PUBLISH or statement.predicate is not None:
        raise _not_ours(f"{name} is not a publish statement")


def _check_provenance(name: str, statement: Statement, ours: Ours) -> None:
    if statement.predicate_type != PROVENANCE:
        raise _not_ours(f"{name} is not SLSA provenance")
    source, predicate = ours.source, statement.predicate
    ref = f"refs/tags/{source.tag}"
    uri = f"git+{ours.repository}@{ref}"
    expected: Mapping[tuple[str | int, ...], Json] = {
        ("buildDefinition", "externalParameters", "source"): {
            "repository": ours.repository,
            "tag": source.tag,
            "ref": ref,
        },
        ("buildDefinition", "resolvedDependencies", 0, "uri"): uri,
        ("buildDefinition", "resolvedDependencies", 0, "digest"): {"gitCommit": source.commit},
        ("buildDefinition", "resolvedDependencies", 1, "digest"): {"gitTag": source.tag_object},
        ("runDetails", "builder", "id"): ours.builder_id,
    }
    for path, value in expected.items():
        if _at(predicate, path) != value:
            raise _not_ours(f"{name} has another {'.'.join(map(str, path))} than this release")


def _at(value: Json, path: tuple[str | int, ...]) -> Json:
    """Return the member at `path`, or None when there is none."""
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _not_ours(what: str) -> TagsealError:
    return TagsealError(STATEMENT_NOT_OURS, f"The statements to sign are not this release's: {what}.")
