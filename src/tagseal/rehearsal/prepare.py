"""Everything a rehearsal needs before its first step, and what would have stopped a real release.

Missing things are made up for the rehearsal (a key, a tag, a lock) and told, with what to do about each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from tagseal import policy_file
from tagseal.adapters.git import GitCli
from tagseal.core.lock import LOCK_NAME
from tagseal.core.policy import Policy, PolicySigner
from tagseal.core.pyproject import ProjectFacts, static_facts
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.rehearsal import source
from tagseal.rehearsal.source import Clone

if TYPE_CHECKING:
    from tagseal.adapters.wiring import LazyAdapters
    from tagseal.command import Console

VERSION_UNKNOWN: Final = Code(
    id="rehearsal-version-unknown",
    exit_code=ExitCode.USAGE,
    why="A release is one version's, and the tag that is rehearsed names it.",
    fix="Name the version: `tagseal rehearse --tag v1.2.3`.",
)
_SIGNER: Final = "rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that would have stopped a real release."""

    code: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A project ready to be rehearsed."""

    clone: Clone
    tag: str
    repository: str
    project: str
    """Name on the index."""
    policy: Path
    """The policy file with the throw-away signer added."""
    lock: Path | None
    """A lock made for the rehearsal, when the project has none."""
    lock_lines: tuple[str, ...]
    """That lock, for a person; empty when the project has one."""
    problems: tuple[Problem, ...]


def prepare(project: Path | None, work: Path, *, tag: str, adapters: LazyAdapters, console: Console) -> Prepared:
    """Clone, lock when there is no lock, decide the version, and sign a tag with a throw-away key.

    Raises:
        TagsealError: `not-a-repository`, `no-commits`, `rehearsal-*`, and what locking raises.
    """
    upstream = project.resolve() if project else source.example_project(work / "example")
    git = GitCli(upstream)
    state = git.state()
    clone = source.clone(upstream, work, tag=tag or None)
    files = git.blobs(clone.head, ["pyproject.toml", LOCK_NAME])
    policy, problems = _policy(git)
    problems += _state_problems(git, state.dirty_paths, clone, policy)
    facts, lock, lines = _lock(clone, files, work, adapters=adapters, console=console, is_named=bool(tag))
    if lock is not None:
        problems.append(
            Problem(
                code="lock-missing",
                what=f"The project has no {LOCK_NAME}: this rehearsal made one.",
                fix="Run `tagseal lock` and commit the file.",
            )
        )
    tag = tag or _tag_of(facts)
    source.sign_tag(clone, tag)
    repository = source.EXAMPLE_REPOSITORY if project is None else git.remote_repository()
    if repository is None:
        repository = f"rehearsal/{upstream.name}"
        problems.append(
            Problem(
                code="no-github-remote",
                what="The project has no `origin` on GitHub; the rehearsal made a name up.",
                fix="Add it: git remote add origin git@github.com:OWNER/NAME.git",
            )
        )
    return Prepared(
        clone=clone,
        tag=tag,
        repository=repository,
        project=facts.name if facts else upstream.name,
        policy=_override(work, policy, clone),
        lock=lock,
        lock_lines=lines,
        problems=tuple(problems),
    )


def _policy(git: GitCli) -> tuple[Policy, list[Problem]]:
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


def _state_problems(git: GitCli, dirty: tuple[str, ...], clone: Clone, policy: Policy) -> list[Problem]:
    found = []
    if dirty:
        named = ", ".join(dirty[:5]) + (f" and {len(dirty) - 5} more" if len(dirty) > 5 else "")  # noqa: PLR2004
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


def _lock(
    clone: Clone,
    files: Mapping[str, bytes],
    work: Path,
    *,
    adapters: LazyAdapters,
    console: Console,
    is_named: bool,
) -> tuple[ProjectFacts | None, Path | None, tuple[str, ...]]:
    """Return (name and version, lock made for the rehearsal or None, its lines)."""
    facts = static_facts(files.get("pyproject.toml"))
    committed = files.get(LOCK_NAME)
    if facts is not None and committed is not None:
        return facts, None, ()
    from tagseal.commands.lock import table
    from tagseal.commands.lock_making import backend_facts, make_lock
    from tagseal.core.lock import parse_lock

    sandbox = adapters.sandbox(kind="auto", image="")
    if committed is not None:
        console.say("Asking the build backend for name and version…")
        asked = backend_facts(clone.path, committed, requirements=adapters.requirements, sandbox=sandbox)
        return _known(asked, is_named=is_named), None, ()
    console.say(f"There is no {LOCK_NAME}: locking the build requirements…")
    made = make_lock(clone.path, requirements=adapters.requirements, sandbox=sandbox, ask_facts=True)
    path = work / LOCK_NAME
    path.write_bytes(made.data)
    return made.facts, path, tuple(table(parse_lock(made.data), ()))


def _known(facts: ProjectFacts | None, *, is_named: bool) -> ProjectFacts | None:
    if facts is None and not is_named:
        raise TagsealError(VERSION_UNKNOWN, "The build backend does not say which version this is.")
    return facts


def _tag_of(facts: ProjectFacts | None) -> str:
    try:
        return f"v{Version(facts.version if facts else '')}"
    except InvalidVersion as error:
        raise TagsealError(VERSION_UNKNOWN, f"The project's version cannot be used: {error}.") from error


def _override(work: Path, policy: Policy, clone: Clone) -> Path:
    """Write the policy file of the rehearsal: the project's, with the throw-away signer and the present branch."""
    signer = PolicySigner(name=_SIGNER, kind="ssh", key=clone.public_key, until="")
    kept = tuple(entry for entry in policy.signers if entry.name != _SIGNER)
    policy = replace(policy, release_branch=clone.branch, signers=(*kept, signer))
    data = {
        "version": 1,
        "release-branch": policy.release_branch,
        "signers": [{"name": s.name, s.kind: s.key, **({"until": s.until} if s.until else {})} for s in policy.signers],
        "sandbox": {"kind": policy.sandbox.kind, **({"image": policy.sandbox.image} if policy.sandbox.image else {})},
        "generated": [{"path": entry.path, "reason": entry.reason} for entry in policy.generated],
        "waivers": [
            {name: getattr(waiver, name) for name in ("id", "check", "subject", "reason", "owner", "expires")}
            for waiver in policy.waivers
        ],
    }
    path = work / "tagseal.yml"
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")  # JSON is YAML
    return path
