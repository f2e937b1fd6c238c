"""The rules a checkout and its branches must keep. Each returns its PASS or raises its own error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tagseal.core.checks import Check, Verdict
from tagseal.core.lock import LOCK_NAME
from tagseal.errors import Code, ExitCode, TagsealError

SHALLOW_CLONE: Final = Code(
    id="shallow-clone",
    exit_code=ExitCode.FAIL,
    why="Without its whole history nobody can see whether the commit belongs to the release branch.",
    fix="Run `git fetch --unshallow --tags`; in a workflow, give the checkout `fetch-depth: 0`.",
)
DIRTY_TREE: Final = Code(
    id="dirty-tree",
    exit_code=ExitCode.FAIL,
    why="What lies here is not what the tag names, so a look at the files would mislead.",
    fix="Commit, remove or ignore the named files: `git status` lists them all.",
)
TAG_NOT_HEAD: Final = Code(
    id="tag-not-head",
    exit_code=ExitCode.FAIL,
    why="The tag was moved after this checkout was made, or another commit was checked out than the one released.",
    fix="Check out the tag itself: `git checkout --detach refs/tags/TAG`.",
)
BRANCH_WITH_TAG_NAME: Final = Code(
    id="branch-with-tag-name",
    exit_code=ExitCode.FAIL,
    why="Programs that are given only the name take the branch in one place and the tag in another.",
    fix="Delete or rename the branch.",
)
NOT_ON_RELEASE_BRANCH: Final = Code(
    id="commit-not-on-release-branch",
    exit_code=ExitCode.FAIL,
    why="Only what went through the release branch has passed its reviews and checks.",
    fix="Merge the commit into the release branch and tag it there, or fetch the branch: `git fetch origin`.",
)
DEFAULT_BRANCH_UNKNOWN: Final = Code(
    id="default-branch-unknown",
    exit_code=ExitCode.USAGE,
    why="The policy file is read from the default branch alone, for a tag's own tree could allow anything.",
    fix="Let git ask the server once: `git remote set-head origin --auto`.",
)
LOCK_MISSING: Final = Code(
    id="lock-missing",
    exit_code=ExitCode.USAGE,
    why="A build whose requirements are chosen on the day cannot be made a second time.",
    fix="Run `tagseal lock`, commit pylock.build.toml, and tag that commit.",
)
NO_SIGNERS: Final = Code(
    id="no-signers",
    exit_code=ExitCode.FAIL,
    why="Without a list of who may sign releases, every signature would be as good as none.",
    fix="Write `version: 1` and `signers: [{name: NAME, ssh: 'ssh-ed25519 AAAA…'}]` into .github/tagseal.yml "
    "on the default branch.",
)
POLICY_OVERRIDE_REFUSED: Final = Code(
    id="policy-override-refused",
    exit_code=ExitCode.USAGE,
    why="A workflow that could bring its own policy or lock would allow itself anything.",
    fix="Remove the option; commit the policy to the default branch and the lock to the tagged tree.",
)
REPOSITORY_UNKNOWN: Final = Code(
    id="repository-unknown",
    exit_code=ExitCode.USAGE,
    why="Provenance says which repository the source came from.",
    fix="Give --repository OWNER/NAME, or add the remote: `git remote add origin https://github.com/OWNER/NAME`.",
)
REPOSITORY_MISMATCH: Final = Code(
    id="repository-mismatch",
    exit_code=ExitCode.USAGE,
    why="A run can vouch only for the repository it runs in.",
    fix="Leave --repository out, or run it in the repository that is meant.",
)

_SHOWN_PATHS: Final = 5
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]{1,100}/[A-Za-z0-9._-]{1,100}")


def refuse_overrides(given: Mapping[str, object]) -> None:
    """Outside a rehearsal nothing stands in for what is committed. Raises: policy-override-refused."""
    for name, value in given.items():
        if value is not None:
            raise TagsealError(POLICY_OVERRIDE_REFUSED, f"{name} {value} was given outside of a rehearsal.")


def repository_of(named: str, run: str | None, remote: Callable[[], str | None]) -> str:
    """Return owner/name: the run's, which an input may repeat but not change; else the input's; else the remote's.

    Raises: repository-mismatch, repository-unknown.
    """
    if named and run and named != run:
        raise TagsealError(REPOSITORY_MISMATCH, f"--repository is {named}, but this is a run of {run}.")
    repository = run or named or remote() or ""
    if not _REPOSITORY.fullmatch(repository):
        raise TagsealError(REPOSITORY_UNKNOWN, f"The repository is not known as owner/name (found: {repository!r}).")
    return repository


def whole_history(is_shallow: bool) -> Check:  # noqa: FBT001 - the one thing it judges
    """The clone has its whole history. Raises: shallow-clone."""
    if is_shallow:
        raise TagsealError(SHALLOW_CLONE, "The checkout is a shallow clone.")
    return _pass("source-history", "checkout", "The clone has its whole history.")


def clean(dirty_paths: Sequence[str]) -> Check:
    """Nothing is changed or untracked. Raises: dirty-tree, naming up to five paths."""
    if dirty_paths:
        shown = ", ".join(repr(path) for path in dirty_paths[:_SHOWN_PATHS])
        more = f" and {len(dirty_paths) - _SHOWN_PATHS} more" if len(dirty_paths) > _SHOWN_PATHS else ""
        raise TagsealError(DIRTY_TREE, f"The working tree has changes: {shown}{more}.")
    return _pass("source-clean", "checkout", "The working tree has no changes.")


def at_head(tag: str, commit: str, head: str) -> Check:
    """The checked-out commit is the tag's. Raises: tag-not-head."""
    if commit != head:
        fix = TAG_NOT_HEAD.fix.replace("TAG", tag)
        raise TagsealError(TAG_NOT_HEAD, f"The tag {tag} names {commit}, but {head} is checked out.", fix=fix)
    return _pass("source-head", tag, "The tag's commit is the one checked out.", head)


def no_branch_named(tag: str, *, exists: bool) -> Check:
    """No branch has the tag's name. Raises: branch-with-tag-name."""
    if exists:
        raise TagsealError(BRANCH_WITH_TAG_NAME, f"There is a branch named {tag}, like the tag.")
    return _pass("tag-name-unique", tag, "No branch has the tag's name.")


def on_branch(commit: str, branch: str, *, is_reachable: bool) -> Check:
    """The branch holds the commit. Raises: commit-not-on-release-branch."""
    if not is_reachable:
        raise TagsealError(NOT_ON_RELEASE_BRANCH, f"The commit {commit} is not on the release branch {branch}.")
    return _pass("source-branch", branch, "The tag's commit is on the release branch.", commit)


def known_default_branch(branch: str | None) -> str:
    """Return the default branch. Raises: default-branch-unknown."""
    if branch is None:
        raise TagsealError(DEFAULT_BRANCH_UNKNOWN, "This clone does not say which branch is the default branch.")
    return branch


def some_signers(count: int, place: str) -> Check:
    """The policy lists at least one signer. Raises: no-signers."""
    if not count:
        raise TagsealError(NO_SIGNERS, f"{place} lists nobody who may sign releases.")
    return _pass("policy-signers", place, f"The policy lists {count} signer{'' if count == 1 else 's'}.")


def lock_in(blobs: Mapping[str, bytes], given: bytes | None) -> bytes:
    """Return the committed build lock, else the one a rehearsal made. Raises: lock-missing."""
    lock = blobs.get(LOCK_NAME, given)
    if lock is None:
        raise TagsealError(LOCK_MISSING, f"The tagged tree holds no {LOCK_NAME}.")
    return lock


def locked(path: str, digest: str) -> Check:
    """There is a build lock."""
    return _pass("build-lock", path, "The build requirements are locked.", digest)


def _pass(code: str, subject: str, message: str, evidence: str = "") -> Check:
    return Check(code=code, verdict=Verdict.PASS, subject=subject, message=message, evidence=evidence)
