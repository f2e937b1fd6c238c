"""What would have stopped a real release of the project as it stands: told by a rehearsal, which goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tagseal import policy_file
from tagseal.context import Run
from tagseal.core.checks import Verdict
from tagseal.core.policy import Policy
from tagseal.core.source_rules import TAG_NOT_HEAD
from tagseal.errors import ExitCode, TagsealError
from tagseal.rehearsal import source
from tagseal.rehearsal.source import Clone

if TYPE_CHECKING:
    from tagseal.adapters.git import GitCli
    from tagseal.commands.run_step import StepRun
    from tagseal.ports import Progress

_SHOWN_PATHS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that would have stopped a real release."""

    code: str
    what: str
    fix: str


def policy_in_force(git: GitCli) -> tuple[Policy, list[Problem]]:
    """Return the policy on the default branch; one that is not valid is a problem and counts as absent."""
    branch = git.default_branch()
    commit = git.resolve(f"refs/remotes/origin/{branch}") or git.resolve(f"refs/heads/{branch}") if branch else None
    data = git.blobs(commit, [policy_file.POLICY_PATH]).get(policy_file.POLICY_PATH) if commit else None
    try:
        policy = policy_file.parse(data) if data is not None else Policy()
    except TagsealError as error:
        return Policy(), [Problem(code=error.code.id, what=error.lines()[0], fix=error.fix)]
    if policy.signers:
        return policy, []
    what = f"No key may sign release tags: {policy_file.POLICY_PATH} on the default branch names no signers."
    fix = f"Write {policy_file.POLICY_PATH} with `version: 1` and `signers:`; docs/reference/policy-file.md shows how."
    return policy, [Problem(code="no-signers", what=what, fix=fix)]


def of_checkout(git: GitCli, dirty: tuple[str, ...], clone: Clone, policy: Policy) -> list[Problem]:
    """Return what is wrong with the checkout (`dirty`: its changed paths) and the place of its commit."""
    found = []
    if dirty:
        more = f" and {len(dirty) - _SHOWN_PATHS} more" if len(dirty) > _SHOWN_PATHS else ""
        named = ", ".join(dirty[:_SHOWN_PATHS]) + more
        found.append(
            Problem(
                code="dirty-tree",
                what=f"The checkout has changes that are not committed ({named}); the rehearsal left them out.",
                fix="Commit them, or put them away with `git stash`.",
            )
        )
    if policy.release_branch and policy.release_branch != clone.branch:
        ref = f"refs/remotes/origin/{policy.release_branch}"
        ref = ref if git.resolve(ref) else f"refs/heads/{policy.release_branch}"
        if git.resolve(ref) is None or not git.is_ancestor(clone.head, ref):
            found.append(
                Problem(
                    code="commit-not-on-release-branch",
                    what=f"The commit is not on the release branch {policy.release_branch}.",
                    fix=f"Merge it into {policy.release_branch} before you tag.",
                )
            )
    return found


def of_tag(
    git: GitCli, tag: str, *, clone: Clone, upstream: Path, repository: str, progress: Progress
) -> list[Problem]:
    """Return what `verify-source` says against the project's own tag `tag` under the project's own policy.

    The step runs as in a real release, in a second clone; a project without the tag has no problem yet.

    Raises:
        TagsealError: `rehearsal-clone-failed`, and what says nothing about the tag (a service, a bug of ours).
    """
    if git.read_tag(tag) is None:
        return []
    work = clone.path.parent
    checkout = source.clone_as_released(upstream, work, head=clone.head, default_branch=git.default_branch())
    progress.say(f"The project has the tag {tag} already: verifying it as a release would…")
    try:
        done = _verify(checkout, tag, work=work, repository=repository, progress=progress)
    except TagsealError as error:
        if error.exit_code not in {ExitCode.FAIL, ExitCode.USAGE}:
            raise
        return [_from_error(error, tag)]
    if done.error is not None:
        return [_from_error(done.error, tag)]
    return [
        Problem(code=check.code, what=check.message, fix="See docs/reference/steps/verify-source.md.")
        for check in (done.result.checks if done.result else ())
        if check.verdict in {Verdict.FAIL, Verdict.UNKNOWN}
    ]


def _verify(checkout: Path, tag: str, *, work: Path, repository: str, progress: Progress) -> StepRun:
    from tagseal.adapters import trust_config
    from tagseal.adapters.wiring import LazyAdapters
    from tagseal.commands.run_step import run_step
    from tagseal.steps.verify_source import Params

    return run_step(
        "verify-source",
        leg="",
        params=Params(tag=tag, repository=repository),
        release_dir=work / "as-released-release",
        project=checkout,
        run=Run(id=f"local/{uuid4()}", attempt=1, repository=None, is_actions=False, is_rehearsal=False),
        adapters=LazyAdapters(
            config=trust_config.production(), project=checkout, environment={}, repository=None, forge_token=None
        ),
        progress=progress,
    )


def _from_error(error: TagsealError, tag: str) -> Problem:
    fix = error.fix
    if error.code is TAG_NOT_HEAD:  # the release checks its tag out; here the tag is an earlier release's
        fix = f"Raise the project's version, or rehearse that tag: `tagseal rehearse --tag {tag}`."
    return Problem(code=error.code.id, what=error.lines()[0], fix=fix)
