"""The rules of the graph of records: what `tagseal audit` and every step's start refuse.

Bytes and digests in, findings out. The shape of the graph (which node follows which) is given by the caller;
nothing here reads files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tagseal.core.checks import Check, Verdict
from tagseal.core.record import Record, digest, link
from tagseal.errors import Code, ExitCode

_WHY: Final = "The evidence of a release is worth what its audit log is worth: no record may be altered afterwards."
_FIX: Final = "Run the release again from the step that is named; if nobody of yours did this, treat it as an attack."

RECORD_MISSING: Final = Code(id="record-missing", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
RECORD_EDITED: Final = Code(id="record-edited", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
RECORD_ADDED: Final = Code(id="record-added", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
RECORD_FOREIGN_RUN: Final = Code(id="record-foreign-run", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
RECORD_REORDERED: Final = Code(id="record-reordered", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
RECORD_NOT_SIGNED: Final = Code(
    id="record-not-signed-for",
    exit_code=ExitCode.FAIL,
    why="The signed provenance names the records before it; other records were put in their place afterwards.",
    fix=_FIX,
)
FILE_CHANGED: Final = Code(id="release-file-changed", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
FILE_ADDED: Final = Code(id="release-file-added", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
FILE_REMOVED: Final = Code(id="release-file-removed", exit_code=ExitCode.FAIL, why=_WHY, fix=_FIX)
STEP_FAILED: Final = Code(
    id="step-failed",
    exit_code=ExitCode.FAIL,
    why="Nothing may be built on the result of a step that failed.",
    fix="Read the failed step's result.json, mend the cause, and run that step again.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A release directory as the auditor sees it."""

    records: Mapping[str, bytes]
    """Folder name below steps/ -> bytes of its record.json."""
    parsed: Mapping[str, Record]
    links: Mapping[str, bytes]
    """Folder name -> bytes of its link.json."""
    files: Mapping[str, str]
    """Path -> `sha256:<hex>` of every file in the directory but records, links and the scratch folder."""
    expected: Mapping[str, Sequence[str]]
    """Node -> its predecessors, for every node a release can have."""


def fail(code: Code, subject: str, message: str, evidence: str = "") -> Check:
    """Return a FAIL finding with the code's id."""
    return Check(code=code.id, verdict=Verdict.FAIL, subject=subject, message=message, evidence=evidence)


def audit(graph: Graph) -> tuple[Check, ...]:
    """Return every finding; no FAIL among them means that the graph is whole."""
    findings = [*_shape(graph), *_edges(graph), *_order(graph), *_runs(graph), *_files(graph), *_links(graph)]
    if not any(check.verdict is Verdict.FAIL for check in findings):
        count = len(graph.parsed)
        findings.append(
            Check(
                code="records-whole",
                verdict=Verdict.PASS if count else Verdict.UNKNOWN,
                subject="steps",
                message=f"{count} records; each names the records before it and what it read and wrote.",
            )
        )
    return tuple(findings)


def signed_for(signed: Mapping[str, str], graph: Graph) -> tuple[Check, ...]:
    """Compare the record digests named by a verified provenance statement with the records at hand.

    `signed` maps `steps/<node>/record.json` to `sha256:<hex>`. This is what refuses a graph that was recomputed
    as a whole: its records fit each other, but not the signature.
    """
    findings = []
    for path, named in sorted(signed.items()):
        at_hand = graph.records.get(path.split("/")[1]) if path.startswith("steps/") else None
        if at_hand is None:
            findings.append(fail(RECORD_MISSING, path, f"The signed provenance names {path}, which is not there."))
        elif digest(at_hand) != named:
            findings.append(
                fail(RECORD_NOT_SIGNED, path, f"{path} is not the record that the signed provenance names.", named)
            )
    if not signed:
        findings.append(fail(RECORD_NOT_SIGNED, "attestations", "The signed provenance names no record at all."))
    return tuple(findings)


def _shape(graph: Graph) -> Iterator[Check]:
    for folder, record in graph.parsed.items():
        if folder not in graph.expected:
            yield fail(RECORD_ADDED, folder, f"No step leaves a record steps/{folder}.")
        elif record.node != folder:
            yield fail(RECORD_EDITED, folder, f"The record in steps/{folder} says it is {record.node}'s.")
        if record.verdict is Verdict.FAIL:
            yield fail(STEP_FAILED, folder, f"{folder} ended with FAIL.")


def _edges(graph: Graph) -> Iterator[Check]:
    for folder, record in graph.parsed.items():
        wanted = tuple(graph.expected.get(folder, ()))
        for extra in sorted(set(record.predecessors) - set(wanted)):
            yield fail(RECORD_EDITED, folder, f"{folder} names {extra} as a predecessor, which it does not have.")
        for before in wanted:
            named, at_hand = record.predecessors.get(before), graph.records.get(before)
            if at_hand is None:
                yield fail(RECORD_MISSING, before, f"{folder} stands on {before}, whose record is not there.")
            elif named is None:
                yield fail(RECORD_EDITED, folder, f"{folder} does not name the record of {before}.")
            elif named != digest(at_hand):
                yield fail(RECORD_EDITED, before, f"The record of {before} is not the one {folder} was made on.", named)


def _order(graph: Graph) -> Iterator[Check]:
    for folder, record in graph.parsed.items():
        if record.started_at > record.finished_at:
            yield fail(RECORD_REORDERED, folder, f"{folder} ended before it began.")
        for before in record.predecessors:
            earlier = graph.parsed.get(before)
            if earlier is not None and earlier.finished_at > record.started_at:
                yield fail(RECORD_REORDERED, folder, f"{folder} began before {before} had ended.")


def _runs(graph: Graph) -> Iterator[Check]:
    runs: dict[str, list[str]] = {}
    for folder, record in graph.parsed.items():
        runs.setdefault(record.run_id, []).append(folder)
    if len(runs) > 1:
        source = graph.parsed.get("verify-source")
        own = source.run_id if source else max(runs, key=lambda run: len(runs[run]))
        for run, folders in sorted(runs.items()):
            for folder in folders if run != own else []:
                yield fail(RECORD_FOREIGN_RUN, folder, f"The record of {folder} is of run {run}, not of {own}.")


def _files(graph: Graph) -> Iterator[Check]:
    written: dict[str, tuple[str, str]] = {}
    for folder, record in graph.parsed.items():
        for path, value in record.outputs.items():
            if path in written:
                yield fail(RECORD_EDITED, folder, f"{path} is claimed by {folder} and by {written[path][0]}.")
            written[path] = (folder, value)
    for path, (folder, value) in sorted(written.items()):
        if path not in graph.files:
            yield fail(FILE_REMOVED, path, f"{path}, written by {folder}, is not there.", value)
        elif graph.files[path] != value:
            yield fail(FILE_CHANGED, path, f"{path} is not the file that {folder} wrote.", value)
    for path in sorted(set(graph.files) - set(written)):
        yield fail(FILE_ADDED, path, f"No record says who wrote {path}.", graph.files[path])
    yield from _inputs(graph, written)


def _inputs(graph: Graph, written: Mapping[str, tuple[str, str]]) -> Iterator[Check]:
    records = {f"steps/{folder}/record.json": digest(data) for folder, data in graph.records.items()}
    for folder, record in graph.parsed.items():
        for path, value in sorted(record.inputs.items()):
            source = records.get(path) or written.get(path, ("", ""))[1]
            if source != value:
                yield fail(RECORD_EDITED, folder, f"{folder} read another {path} than the one that was written.", value)


def _links(graph: Graph) -> Iterator[Check]:
    for folder, record in graph.parsed.items():
        if graph.links.get(folder) != link(record):
            yield fail(RECORD_EDITED, folder, f"steps/{folder}/link.json does not say what its record says.")
