"""Write the evidence report: report.md and report.json.

Does:    collects every finding and record, judges the promised controls, lists deviations first
Reads:   results and records of all steps before it, SHA256SUMS
Writes:  report.md, report.json
Needs:   nothing but the release directory
Spec:    docs/reference/steps/report.md; one verdict per control (PASS, FAIL, UNKNOWN, WAIVED, NOT_APPLICABLE)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tagseal.context import Context
from tagseal.core import sums
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import InspectFacts, SourceFacts
from tagseal.core.public_facts import PublishFacts, VerifyFacts
from tagseal.core.record import digest
from tagseal.core.release_checks import PUBLISHED, step_files
from tagseal.core.report import Inputs, Report, dump, make
from tagseal.core.report_controls import ControlVerdict
from tagseal.core.report_markdown import render
from tagseal.core.sealed import SUMS
from tagseal.core.verify_commands import commands
from tagseal.step import NoParams, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The report's essence."""

    verdict: Verdict
    """The worst of all findings of the release."""
    controls: tuple[ControlVerdict, ...]
    checks: tuple[Check, ...]


def run(ctx: Context, _: NoParams) -> Result:
    """Write the report.

    Raises:
        TagsealError: `release-file-missing`, `json-invalid`, `result-invalid`, `sums-invalid`.
    """
    source = ctx.result(SourceFacts, "verify-source")
    verify = ctx.result(VerifyFacts, "verify-release")
    shown = commands(sums.parse(ctx.files.read(SUMS)), source, builder_id=verify.builder_id)
    report = make(
        Inputs(
            source=source,
            inspect=ctx.result(InspectFacts, "inspect"),
            release_url=f"{ctx.adapters.trust.server_url}/{source.repository}/releases/tag/{source.tag}",
            publish=ctx.result(PublishFacts, "publish"),
            verify=verify,
            results={node: ctx.files.read(f"steps/{node}/result.json") for node in PUBLISHED},
            records={node: ctx.files.read(f"steps/{node}/record.json") for node in PUBLISHED},
            commands=shown,
        )
    )
    data = dump(report)
    ctx.files.write("report.json", data)
    ctx.files.write("report.md", render(report))
    ctx.progress.say(f"{report.verdict}: {len(report.deviations)} deviations")
    return Result(verdict=report.verdict, controls=report.controls, checks=_checks(report, digest(data)))


def _checks(report: Report, data_digest: str) -> tuple[Check, ...]:
    """Return the chain's findings and one for the report; a deviation stays the finding of the step that met it."""
    chain = tuple(item.check for item in report.deviations if item.node == "report")
    written = Check(
        code="report-written",
        verdict=Verdict.PASS,
        subject="report.json",
        message=f"The release's verdict is {report.verdict}; {len(report.deviations)} findings are not PASS.",
        evidence=data_digest,
    )
    return (*chain, written)


STEP: Final = Step(
    name="report",
    summary="Write the evidence report: report.md and report.json.",
    params=NoParams,
    result=Result,
    run=run,
    reads=("SHA256SUMS", *step_files(PUBLISHED)),
    writes=("report.md", "report.json"),
    needs="a release directory in which all steps up to verify-release have run",
    example="tagseal report --release-dir release",
)
