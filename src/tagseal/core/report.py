"""The evidence report: everything the steps found, in one typed document (report.json).

It repeats findings and adds none but the chain's: a reader can follow each line to a step's result.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.core import canonical, jsonable, record
from tagseal.core.checks import Check, Verdict, overall
from tagseal.core.facts import InspectFacts, SourceFacts
from tagseal.core.public_facts import PublishFacts, VerifyFacts
from tagseal.core.record import Record
from tagseal.core.report_controls import CONTROLS, NOT_COVERED, ControlVerdict, judge

SCHEMA: Final = "https://github.com/tagseal/tagseal/docs/reference/schemas/report.v1.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the report is made from, read and typed by the step."""

    source: SourceFacts
    inspect: InspectFacts
    release_url: str
    """The page that the forge shows once the draft is published."""
    publish: PublishFacts
    verify: VerifyFacts
    results: Mapping[str, bytes]
    """Node -> bytes of its result.json, every node before the report."""
    records: Mapping[str, bytes]
    """Node -> bytes of its record.json, the same nodes."""
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One published file."""

    name: str
    kind: str
    size_bytes: int
    sha256: str
    content_digest: str
    url: str
    """On the index; empty when the index had not listed it yet."""
    is_verified: bool
    """Its bytes are equal in SHA256SUMS, on the index and on the forge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One record of the chain."""

    node: str
    verdict: Verdict
    attempt: int
    started_at: str
    finished_at: str
    record: str
    """`sha256:<hex>` of its record.json."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One finding that is neither PASS nor NOT_APPLICABLE."""

    node: str
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report."""

    verdict: Verdict
    package: str
    source: SourceFacts
    run_id: str
    builder_id: str
    builder_digest: str
    index: str
    release_url: str
    controls: tuple[ControlVerdict, ...]
    not_covered: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    """WAIVED first, then UNKNOWN, then FAIL; within each in the order of the steps."""
    files: tuple[File, ...]
    steps: tuple[StepLine, ...]
    commands: tuple[str, ...]


def make(inputs: Inputs) -> Report:
    """Return the report.

    Raises:
        TagsealError: `json-invalid`, `result-invalid` for a result or record in another form.
    """
    records = {node: record.parse(data) for node, data in inputs.records.items()}
    chain = chain_checks(records, inputs.records)
    checks = {**{node: _checks(data) for node, data in inputs.results.items()}, "report": chain}
    found = tuple(check for node in checks.values() for check in node)
    return Report(
        verdict=overall(found),
        package=inputs.inspect.package,
        source=inputs.source,
        run_id=next(iter(records.values())).run_id,
        builder_id=inputs.verify.builder_id,
        builder_digest=inputs.verify.builder_digest,
        index=inputs.verify.index,
        release_url=inputs.release_url,
        controls=tuple(judge(control, checks) for control in CONTROLS),
        not_covered=NOT_COVERED,
        deviations=_deviations(checks),
        files=_files(inputs),
        steps=tuple(_line(node, records[node], inputs.records[node], checks[node]) for node in records),
        commands=inputs.commands,
    )


def dump(report: Report) -> bytes:
    """Return the canonical bytes of report.json."""
    return canonical.dump(record.with_schema(SCHEMA, report), pretty=True)


def chain_checks(records: Mapping[str, Record], data: Mapping[str, bytes]) -> tuple[Check, ...]:
    """Check that all records are of one run and name each other's digests; `tagseal audit` checks the rest."""
    runs = {entry.run_id for entry in records.values()}
    found = []
    for node, entry in records.items():
        broken = [
            before
            for before, digest in sorted(entry.predecessors.items())
            if before not in data or record.digest(data[before]) != digest
        ]
        message = (
            f"It was made on other records of {', '.join(broken)}." if broken else "It names the records before it."
        )
        found.append(
            Check(
                code="record-edited" if broken else "record-chained",
                verdict=Verdict.FAIL if broken or len(runs) != 1 else Verdict.PASS,
                subject=node,
                message=message if len(runs) == 1 else f"The records are of {len(runs)} different runs.",
                evidence=record.digest(data[node]),
            )
        )
    return tuple(found)


def _checks(result: bytes) -> tuple[Check, ...]:
    data = canonical.parse(result)
    listed = data.get("checks") if isinstance(data, dict) else None
    return jsonable.decode(_Findings, {"checks": listed if listed is not None else []}).checks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    checks: tuple[Check, ...]


def _deviations(checks: Mapping[str, tuple[Check, ...]]) -> tuple[Deviation, ...]:
    return tuple(
        Deviation(node=node, check=check)
        for verdict in (Verdict.WAIVED, Verdict.UNKNOWN, Verdict.FAIL)
        for node, found in checks.items()
        for check in found
        if check.verdict is verdict
    )


def _files(inputs: Inputs) -> tuple[File, ...]:
    urls = {receipt.name: receipt.url for receipt in inputs.publish.receipts}
    verified = {entry.name: entry.sha256 for entry in inputs.verify.files}
    return tuple(
        File(
            name=artifact.name,
            kind=artifact.kind,
            size_bytes=artifact.size_bytes,
            sha256=artifact.sha256,
            content_digest=artifact.content_digest,
            url=urls.get(artifact.name, ""),
            is_verified=verified.get(artifact.name) == artifact.sha256,
        )
        for artifact in inputs.inspect.artifacts
    )


def _line(node: str, entry: Record, data: bytes, checks: tuple[Check, ...]) -> StepLine:
    return StepLine(
        node=node,
        verdict=entry.verdict,
        attempt=entry.attempt,
        started_at=entry.started_at,
        finished_at=entry.finished_at,
        record=record.digest(data),
        checks=checks,
    )
