"""Write the SLSA provenance and publish statements, unsigned.

Does: states where the files come from, out of the verified source, the job's OIDC claims and the committed lock;
what the builds say is compared with those, never copied.
Reads: SHA256SUMS, results and records of the steps before, steps/verify-source/pylock.build.toml.
Writes: {me}/<file>.intoto.json, {me}/multiple.intoto.json, {me}/<file>.publish.json.
Needs: the job's OIDC identity.
Spec: in-toto Statement v1; SLSA Provenance v1; PyPI publish attestation v1; docs/reference/build-type.md.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tagseal import __version__
from tagseal.context import Context
from tagseal.core import build_claims, build_environment, identity_rules, provenance, record, sums
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import BuildFacts, SourceFacts
from tagseal.core.lock import parse_lock
from tagseal.core.policy import SandboxPolicy, parse_policy
from tagseal.core.release_statements import byproducts, dependencies, rfc3339_seconds, statements
from tagseal.step import NoParams, Step

if TYPE_CHECKING:
    from tagseal.ports import WorkflowClaims

POLICY: Final = "steps/verify-source/policy.json"
LOCK: Final = "steps/verify-source/pylock.build.toml"
RECORDS: Final = tuple(
    f"steps/{node}/record.json" for node in ("verify-source", "build.a", "build.b", "compare", "inspect", "hash")
)
"""Of this step's predecessors in the registry, which a step may not import; a test compares the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was stated."""

    builder_id: str
    """The builder that the statements name; the signing certificate's SAN must be the same."""
    statements: tuple[str, ...]
    """Base names of the statements in this step's folder, sorted."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Everything trusted that goes in."""

    source: SourceFacts
    claims: WorkflowClaims
    server_url: str
    workflow_path: str
    builder_id: str

    @property
    def repository(self) -> str:
        return f"{self.server_url}/{self.source.repository}"


def interpreter() -> str:
    """Return this process's interpreter in the form of `BuildFacts.interpreter`."""
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}"


def run(ctx: Context, _: NoParams) -> Result:
    """State the provenance of every file in SHA256SUMS.

    Raises:
        TagsealError: `identity-*`, `identity-not-for-this-release`, `provenance-claim-differs`, `lock-invalid`,
            `sums-invalid`, `service-*`.
    """
    source = ctx.result(SourceFacts, "verify-source")
    legs = (ctx.result(BuildFacts, "build.a"), ctx.result(BuildFacts, "build.b"))
    sums_data = ctx.files.read("SHA256SUMS")
    digests = sums.parse(sums_data)
    known, checks = _identify(ctx, source)
    used = build_claims.used_requirements(source, legs, parse_lock(ctx.files.read(LOCK)))
    asked = parse_policy(ctx.files.read(POLICY)).sandbox
    environment_check, environment = build_environment.environment(
        legs, observed=interpreter(), asked_image=asked.image
    )
    records = {path: ctx.files.read(path) for path in RECORDS}
    predicate = provenance.predicate(
        _parameters(known, asked),
        _run_facts(known, records),
        dependencies(source, known.repository, used, environment),
        byproducts(records, sums_data, build_claims.content_digests(legs, digests)),
    )
    written = statements(digests, predicate)
    for name, data in written.items():
        ctx.files.write(f"{ctx.me}/{name}", data)
    ctx.progress.say(f"{len(written)} statements for {known.builder_id}")
    claims_hold = Check(
        code="build-claims-hold",
        verdict=Verdict.PASS,
        subject="build.a, build.b",
        message=f"Both builds used exactly the {len(used)} locked requirements, the source's lock and its epoch.",
    )
    return Result(
        builder_id=known.builder_id,
        statements=tuple(sorted(written)),
        checks=(*checks, claims_hold, environment_check),
    )


def _identify(ctx: Context, source: SourceFacts) -> tuple[_Known, tuple[Check, ...]]:
    claims = ctx.adapters.identity.claims()
    trust = ctx.adapters.trust
    builder_id = f"{trust.server_url}/{claims.job_workflow_ref}"
    claimed = identity_rules.Claimed(
        issuer=claims.issuer,
        repository=claims.repository,
        ref=claims.ref,
        sha=claims.sha,
        workflow_ref=claims.workflow_ref,
        runner_environment=claims.runner_environment,
    )
    expected = identity_rules.Expected(issuer=trust.oidc_issuer, builder_id=builder_id, builder_san=trust.builder_san)
    path = identity_rules.workflow_path(claimed, source, expected)
    matches = Check(
        code="identity-is-of-this-release",
        verdict=Verdict.PASS,
        subject=builder_id,
        message=f"The job's token is for {source.repository}, {source.tag} and {source.commit}.",
    )
    known = _Known(source=source, claims=claims, server_url=trust.server_url, workflow_path=path, builder_id=builder_id)
    return known, (matches, identity_rules.runner_check(claimed))


def _parameters(known: _Known, asked: SandboxPolicy) -> provenance.Parameters:
    source = known.source
    ref = f"refs/tags/{source.tag}"
    return provenance.Parameters(
        repository=known.repository,
        tag=source.tag,
        ref=ref,
        workflow_path=known.workflow_path,
        workflow_ref=ref,
        lock_path=source.lock_path,
        lock_digest=source.lock_digest,
        policy_digest=source.policy_digest,
        sandbox_kind=asked.kind,
        sandbox_image=asked.image,
    )


def _run_facts(known: _Known, records: Mapping[str, bytes]) -> provenance.RunFacts:
    claims = known.claims
    return provenance.RunFacts(
        builder_id=known.builder_id,
        tagseal_version=__version__,
        invocation_id=f"{known.repository}/actions/runs/{claims.run_id}/attempts/{claims.run_attempt}",
        # From the records, not from the clock: the step run again makes the same statements.
        started_on=rfc3339_seconds(record.parse(records["steps/verify-source/record.json"]).started_at),
        finished_on=rfc3339_seconds(record.parse(records["steps/hash/record.json"]).finished_at),
        internal={
            "event_name": claims.event_name,
            "repository_id": claims.repository_id,
            "repository_owner_id": claims.repository_owner_id,
            "runner_environment": claims.runner_environment,
        },
    )


STEP: Final = Step(
    name="provenance",
    summary="Write the SLSA provenance and publish statements, unsigned.",
    params=NoParams,
    result=Result,
    run=run,
    reads=(
        "SHA256SUMS",
        LOCK,
        POLICY,
        "steps/verify-source/result.json",
        "steps/build.a/result.json",
        "steps/build.b/result.json",
        *RECORDS,
    ),
    writes=("{me}/*.intoto.json", "{me}/*.publish.json"),
    permissions={"id-token: write": "the job's token says which workflow, repository and commit it runs"},
    network=True,
    needs="a release directory in which hash has run; a job with an OIDC token",
    example="tagseal provenance --release-dir release",
)
