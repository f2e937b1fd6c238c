"""What "sealed" means: every file is in SHA256SUMS with its digest, and every file has all of its signed files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from tagseal.core.facts import Sum
from tagseal.core.statement import PROVENANCE, PUBLISH, Statement
from tagseal.errors import Code, ExitCode, TagsealError

SUMS: Final = "SHA256SUMS"
SUMS_BUNDLE: Final = "SHA256SUMS.sigstore.json"
ALL_BUNDLE: Final = "multiple.intoto.jsonl"
FILE_BUNDLE_SUFFIX: Final = ".sigstore.json"
PROVENANCE_SUFFIX: Final = ".intoto.jsonl"
SLSA_SUFFIX: Final = ".slsa.attestation"
PUBLISH_SUFFIX: Final = ".publish.attestation"
PEP740_TYPES: Final[Mapping[str, str]] = MappingProxyType({SLSA_SUFFIX: PROVENANCE, PUBLISH_SUFFIX: PUBLISH})
"""Suffix of a PEP 740 attestation -> its statement's predicate type."""

NOT_SEALED: Final = Code(
    id="not-sealed",
    exit_code=ExitCode.FAIL,
    why="Only files that were verified, hashed and signed in this release may reach the public.",
    fix="Run the release again from `hash`; put nothing into the release directory by hand.",
)


def signed_names(names: Iterable[str]) -> frozenset[str]:
    """Return the base names that attestations/ must hold for these files."""
    suffixes = (FILE_BUNDLE_SUFFIX, PROVENANCE_SUFFIX, *PEP740_TYPES)
    return frozenset({SUMS_BUNDLE, ALL_BUNDLE, *(name + suffix for name in names for suffix in suffixes)})


def check_set(sums: Iterable[Sum], dist: Mapping[str, str], signed: Collection[str]) -> None:
    """Compare SHA256SUMS with the files in dist/ (name -> `sha256:<hex>`) and the names in attestations/.

    Raises:
        TagsealError: `not-sealed`, naming the first file that is too many, missing or different.
    """
    listed = {entry.name: entry.sha256 for entry in sums}
    if not listed:
        raise TagsealError(NOT_SEALED, "SHA256SUMS names no file.")
    for name in sorted(listed.keys() | dist.keys()):
        if name not in listed:
            raise TagsealError(NOT_SEALED, f"dist/{name} is not in SHA256SUMS.")
        if name not in dist:
            raise TagsealError(NOT_SEALED, f"SHA256SUMS names {name}, but dist/ does not have it.")
        if listed[name] != dist[name]:
            raise TagsealError(NOT_SEALED, f"dist/{name} is {dist[name]}; SHA256SUMS says {listed[name]}.")
    expected = signed_names(listed)
    if missing := sorted(expected - set(signed)):
        raise TagsealError(NOT_SEALED, f"attestations/{missing[0]} is missing.")
    if extra := sorted(set(signed) - expected):
        raise TagsealError(NOT_SEALED, f"attestations/{extra[0]} belongs to no file of this release.")


def check_statement(signed: str, statement: Statement, *, name: str, sha256: str, predicate_type: str) -> None:
    """Check that a verified statement is of that type and about exactly this one file.

    Raises:
        TagsealError: `not-sealed`; `signed` names the file that holds the statement.
    """
    subjects = {subject.name: subject.sha256 for subject in statement.subjects}
    if subjects != {name: sha256}:
        shown = ", ".join(f"{key} {value}" for key, value in sorted(subjects.items()))
        raise TagsealError(NOT_SEALED, f"{signed} attests {shown}, not {name} {sha256}.")
    if statement.predicate_type != predicate_type:
        raise TagsealError(NOT_SEALED, f"{signed} is of type {statement.predicate_type}, not {predicate_type}.")
