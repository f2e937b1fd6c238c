"""`tagseal audit DIR`: print the graph of records and refuse one that was altered.

Every record must name its predecessors' records and every file must be the one a record names. The records
before signing are named by the signed provenance, so a graph recomputed as a whole is refused too: for that the
bundles are verified against the trust configuration. A release that has not ended is UNKNOWN, never PASS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tagseal.adapters import trust_config
from tagseal.adapters.files import ReleaseDir, sha256_of_all
from tagseal.adapters.wiring import LazyAdapters
from tagseal.command import Command, Console, Outcome
from tagseal.commands.run_step import schema_of
from tagseal.commands.step_cli import check_line, exit_code, paint
from tagseal.core import canonical, jsonable, record, signed_records
from tagseal.core.checks import Check, Verdict, overall
from tagseal.core.facts import SourceFacts
from tagseal.core.graph import FILE_ADDED, Graph, audit, fail, signed_for
from tagseal.core.public_verdict import judge_builder
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import CertificateFacts
from tagseal.step import option
from tagseal.steps import RELEASE_ORDER, STEPS, node

NOT_A_RELEASE: Final = Code(
    id="not-a-release-directory",
    exit_code=ExitCode.USAGE,
    why="An audit of nothing would prove nothing.",
    fix="Name the release directory: the folder that has steps/ and SHA256SUMS in it.",
)
MULTIPLE: Final = "attestations/multiple.intoto.jsonl"
SOURCE_RESULT: Final = "steps/verify-source/result.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Inputs of `tagseal audit`."""

    directory: Path = field(default=Path("release"), metadata=option("The release directory."))
    trust_config: Path | None = field(
        default=None, metadata=option("Services and roots of a rehearsal (DIR/trust/tagseal_trust.json).")
    )


def run(params: Params, console: Console) -> Outcome:
    """Audit a release directory.

    Raises:
        TagsealError: `not-a-release-directory`, `json-invalid` and `result-invalid` for an unreadable record.
    """
    if not (params.directory / "steps").is_dir():
        raise TagsealError(NOT_A_RELEASE, f"{params.directory} has no steps/ folder.")
    release = ReleaseDir(params.directory.resolve())
    console.say("Reading records and files…")
    graph = read_graph(release)
    config = trust_config.load(params.trust_config, is_actions=False)
    adapters = LazyAdapters(config=config, project=Path.cwd(), environment={}, repository=None, forge_token=None)
    checks = (*audit(graph), *_links(release), *_signed(release, graph, adapters), *_ended(graph))
    verdict = overall(checks)
    strict = exit_code(verdict, is_strict=True)
    return Outcome(
        exit_code=strict,
        verdict=verdict,
        data={"checks": jsonable.encode(checks), "graph": _nodes(graph)},
        text="\n".join([*_picture(graph), "", *map(check_line, checks), f"{paint(verdict)} {params.directory}"]),
    )


def read_graph(release: ReleaseDir) -> Graph:
    """Read every record, link and file digest of a release directory."""
    records, links = {}, {}
    for folder in release.step_folders():
        data = release.read(f"steps/{folder}/record.json")
        if data is not None:
            records[folder] = data
        data = release.read(f"steps/{folder}/link.json")
        if data is not None:
            links[folder] = data
    own = {f"steps/{name}/{kind}.json" for name in records for kind in ("record", "link")}
    paths = [path for path in release.walk() if path not in own and release.is_plain(path)]
    digests = sha256_of_all([release.root / path for path in paths])
    return Graph(
        records=records,
        parsed={name: record.parse(data) for name, data in records.items()},
        links=links,
        files=dict(zip(paths, digests, strict=True)),
        expected={node(s, leg): before for s, entry in STEPS.items() for leg, before in entry.legs.items()},
    )


def _links(release: ReleaseDir) -> tuple[Check, ...]:
    return tuple(
        fail(FILE_ADDED, path, f"{path} is not a regular file.")
        for path in release.walk()
        if not release.is_plain(path)
    )


def _signed(release: ReleaseDir, graph: Graph, adapters: LazyAdapters) -> tuple[Check, ...]:
    if "sign.release" not in graph.parsed:
        return (_unknown("records-signed", "sign.release", "Nothing was signed yet; the records stand alone."),)
    data, facts = release.read(MULTIPLE), release.read(SOURCE_RESULT)
    if data is None or facts is None:
        return (_unknown("records-signed", MULTIPLE, "There is no signed provenance to compare the records with."),)
    try:
        certificate, named = _verified(data, facts, adapters)
    except ModuleNotFoundError as error:
        return (_unknown("records-signed", MULTIPLE, f"The signature was not checked: {error.name} is not installed."),)
    except TagsealError as error:
        if error.exit_code is ExitCode.SERVICE:
            return (_unknown("records-signed", MULTIPLE, f"The signature was not checked: {error.what}"),)
        return (fail(error.code, MULTIPLE, error.what),)
    trust = adapters.trust
    builder = judge_builder(
        certificate, server_url=trust.server_url, named_san=trust.builder_san, named_digest=trust.builder_digest
    )
    message = f"{len(named)} records are named by provenance that {certificate.san} signed."
    passed = Check(code="records-signed", verdict=Verdict.PASS, subject=MULTIPLE, message=message)
    return (*(signed_for(named, graph) or (passed,)), *builder)


def _verified(data: bytes, facts: bytes, adapters: LazyAdapters) -> tuple[CertificateFacts, Mapping[str, str]]:
    """Verify the signed provenance for the source this release says it has; return signer and record digests."""
    claimed = jsonable.decode(SourceFacts, record.without_schema(canonical.parse(facts), schema_of("verify-source")))
    line = data.splitlines()[0] if data.strip() else b""
    verified = adapters.verifier.statement(line, adapters.trust.signer_of(claimed))
    return verified.certificate, signed_records.record_digests(verified.payload)


def _ended(graph: Graph) -> tuple[Check, ...]:
    missing = [name for name in RELEASE_ORDER if name not in graph.records]
    if not missing:
        return (
            Check(code="release-ended", verdict=Verdict.PASS, subject="steps", message="Every step has its record."),
        )
    return (_unknown("release-ended", "steps", f"The release has not ended: {', '.join(missing)} did not run."),)


def _unknown(code: str, subject: str, message: str) -> Check:
    return Check(code=code, verdict=Verdict.UNKNOWN, subject=subject, message=message)


def _nodes(graph: Graph) -> dict[str, list[str]]:
    return {name: sorted(entry.predecessors) for name, entry in sorted(graph.parsed.items())}


def _picture(graph: Graph) -> list[str]:
    known = [name for name in RELEASE_ORDER if name in graph.parsed]
    lines = []
    for name in [*known, *sorted(set(graph.parsed) - set(known))]:
        entry = graph.parsed[name]
        after = ", ".join(direct(name, graph)) or "the source"
        lines.append(f"  {entry.verdict:<8}{name:<18}{record.digest(graph.records[name])[7:19]}  after {after}")
    return lines


def direct(name: str, graph: Graph) -> list[str]:
    """Return the predecessors of a node that no other predecessor of it already stands on."""
    befores = graph.parsed[name].predecessors
    implied = {deep for other in befores if other in graph.parsed for deep in graph.parsed[other].predecessors}
    return sorted(set(befores) - implied)


COMMAND: Final = Command(
    name="audit",
    summary="Check the graph of records of a release directory.",
    params=Params,
    run=run,
    positional=("directory",),
    reads="every file of the release directory",
    adds="nothing",
    needs="no token; production's Sigstore keys are refreshed over the network, a rehearsal's are in its trust file",
    example="tagseal audit rehearsal/release --trust-config rehearsal/trust/tagseal_trust.json",
)
