"""What GitHub's OIDC tokens say about a job: one `JobClaims` for each job that asks for tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Final

from tagseal.core.canonical import Json

ISSUER: Final = "https://token.actions.githubusercontent.com"
BUILDER: Final = "tagseal/tagseal/.github/workflows/seal.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobClaims:
    """One job of a workflow run; what GitHub would put into its tokens."""

    repository: str
    """`owner/name`."""
    ref: str
    """For example `refs/tags/v1.0.0`."""
    sha: str
    """Commit the run is for."""
    repository_id: str = "1296269"
    repository_owner_id: str = "583231"
    repository_visibility: str = "public"
    actor: str = "octocat"
    actor_id: str = "583231"
    workflow: str = "Release"
    workflow_path: str = ".github/workflows/release.yml"
    """The caller's file; `workflow_ref` is made from it."""
    job_workflow_ref: str = ""
    """The file the job stands in; empty: the caller's own."""
    job_workflow_sha: str = ""
    """Commit of `job_workflow_ref`; empty: `sha`."""
    event_name: str = "push"
    ref_protected: str = "true"
    runner_environment: str = "github-hosted"
    environment: str = ""
    """Deployment environment; empty: none, and the claim is left out."""
    run_id: str = "1"
    run_number: str = "1"
    run_attempt: str = "1"
    check_run_id: str = "1"

    def in_seal(self, *, version: str, commit: str) -> JobClaims:
        """Return the same run's job inside tagseal's reusable workflow of that released version and commit."""
        return replace(
            self, job_workflow_ref=f"{BUILDER}@refs/tags/v{version}", job_workflow_sha=commit, environment=""
        )

    def in_environment(self, environment: str) -> JobClaims:
        """Return the same run's job in the caller's own file, bound to a deployment environment."""
        return replace(self, job_workflow_ref="", job_workflow_sha="", environment=environment)

    def claims(self) -> dict[str, Json]:
        """Return every claim that does not depend on the single token, in GitHub's names."""
        found: dict[str, Json] = {name: value for name, value in asdict(self).items() if name != "workflow_path"}
        workflow_ref = f"{self.repository}/{self.workflow_path}@{self.ref}"
        scope = f"environment:{self.environment}" if self.environment else f"ref:{self.ref}"
        if not self.environment:
            del found["environment"]
        return found | {
            "iss": ISSUER,
            "sub": f"repo:{self.repository}:{scope}",
            "repository_owner": self.repository.split("/")[0],
            "workflow_ref": workflow_ref,
            "workflow_sha": self.sha,
            "job_workflow_ref": self.job_workflow_ref or workflow_ref,
            "job_workflow_sha": self.job_workflow_sha or self.sha,
            "ref_type": "tag" if self.ref.startswith("refs/tags/") else "branch",
            "head_ref": "",
            "base_ref": "",
        }
