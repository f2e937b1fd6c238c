"""Whether the running job's identity is the one this release may be sealed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import SourceFacts
from tagseal.errors import Code, ExitCode, TagsealError

HOSTED: Final = "github-hosted"

NOT_FOR_THIS_RELEASE: Final = Code(
    id="identity-not-for-this-release",
    exit_code=ExitCode.FAIL,
    why="Provenance that one run signs about another run's source would vouch for what it has not seen.",
    fix="Seal in the workflow run of the tag itself: push the tag, or re-run that run's failed jobs.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What the OIDC token says, as far as these rules need it."""

    issuer: str
    repository: str
    ref: str
    sha: str
    workflow_ref: str
    """`owner/name/<path>@<ref>` of the caller's file."""
    runner_environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the trust configuration asks for."""

    issuer: str
    builder_id: str
    """The builder id made from the token."""
    builder_san: str
    """Empty: any."""


def workflow_path(claimed: Claimed, source: SourceFacts, expected: Expected) -> str:
    """Check the token against the verified source and return the path of the caller's workflow file.

    Raises:
        TagsealError: `identity-not-for-this-release`, naming what was expected and what the token says.
    """
    ref = f"refs/tags/{source.tag}"
    pairs = {
        "issuer": (expected.issuer, claimed.issuer),
        "repository": (source.repository, claimed.repository),
        "ref": (ref, claimed.ref),
        "commit": (source.commit, claimed.sha),
    }
    if expected.builder_san:
        pairs["builder"] = (expected.builder_san, expected.builder_id)
    for name, (want, got) in pairs.items():
        if want != got:
            raise TagsealError(NOT_FOR_THIS_RELEASE, f"The job's {name} is {got}; this release is for {want}.")
    path = claimed.workflow_ref.removeprefix(f"{source.repository}/").removesuffix(f"@{ref}")
    if claimed.workflow_ref != f"{source.repository}/{path}@{ref}" or not path:
        raise TagsealError(
            NOT_FOR_THIS_RELEASE,
            f"The job's workflow {claimed.workflow_ref} is not a file of {source.repository}@{ref}.",
        )
    return path


def runner_check(claimed: Claimed) -> Check:
    """Return PASS on a runner of the platform; elsewhere nobody vouches for the machine: UNKNOWN."""
    is_hosted = claimed.runner_environment == HOSTED
    return Check(
        code="runner-is-hosted",
        verdict=Verdict.PASS if is_hosted else Verdict.UNKNOWN,
        subject=claimed.runner_environment,
        message="The job runs on a fresh machine of the platform."
        if is_hosted
        else "The job runs on somebody's own machine: what else runs there is not known, so no SLSA Build L3 claim.",
    )
