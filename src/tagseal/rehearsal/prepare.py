"""Everything a rehearsal needs before its first step.

Missing things are made up for the rehearsal (a key, a tag, a lock) and told, with what to do about each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from tagseal.adapters.git import GitCli
from tagseal.core.lock import LOCK_NAME
from tagseal.core.policy import Policy, PolicySigner
from tagseal.core.pyproject import ProjectFacts, static_facts
from tagseal.core.version import version_of_tag
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.rehearsal import problems, source
from tagseal.rehearsal.problems import Problem
from tagseal.rehearsal.source import Clone

if TYPE_CHECKING:
    from tagseal.adapters.wiring import LazyAdapters
    from tagseal.ports import Progress

VERSION_UNKNOWN: Final = Code(
    id="rehearsal-version-unknown",
    exit_code=ExitCode.USAGE,
    why="A release is one version's, and the tag that is rehearsed names it.",
    fix="Name the version: `tagseal rehearse --tag v1.2.3`.",
)
_SIGNER: Final = "rehearsal"


_NO_LOCK: Final = Problem(
    code="lock-missing",
    what=f"The project has no {LOCK_NAME}: this rehearsal made one.",
    fix="Run `tagseal lock` and commit the file.",
)
_NO_REMOTE: Final = Problem(
    code="no-github-remote",
    what="The project has no `origin` on GitHub; the rehearsal made a name up.",
    fix="Add it: git remote add origin git@github.com:OWNER/NAME.git",
)


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


def prepare(project: Path | None, work: Path, *, tag: str, adapters: LazyAdapters, progress: Progress) -> Prepared:
    """Clone, lock when there is no lock, decide the version, and sign a tag with a throw-away key.

    Raises:
        TagsealError: `tag-not-a-version`, `not-a-repository`, `no-commits`, `rehearsal-*`, and what locking raises.
    """
    if tag:
        version_of_tag(tag)
    upstream = project.resolve() if project else source.example_project(work / "example")
    git = GitCli(upstream)
    state = git.state()
    clone = source.clone(upstream, work, tag=tag or None)
    files = git.blobs(clone.head, ["pyproject.toml", LOCK_NAME])
    policy, found = problems.policy_in_force(git)
    found += problems.of_checkout(git, state.dirty_paths, clone, policy)
    facts, lock, lines = _lock(clone, files, work, adapters=adapters, progress=progress, is_named=bool(tag))
    if lock is not None:
        found.append(_NO_LOCK)
    tag = tag or _tag_of(facts)
    repository = source.EXAMPLE_REPOSITORY if project is None else git.remote_repository()
    if repository is None:
        repository = _made_up_repository(upstream)
        found.append(_NO_REMOTE)
    of_tag = problems.of_tag(git, tag, clone=clone, upstream=upstream, repository=repository, progress=progress)
    known = {problem.code for problem in found}
    found += [problem for problem in of_tag if problem.code not in known]
    source.sign_tag(clone, tag)
    return Prepared(
        clone=clone,
        tag=tag,
        repository=repository,
        project=facts.name if facts else upstream.name,
        policy=_override(work, policy, clone),
        lock=lock,
        lock_lines=lines,
        problems=tuple(found),
    )


def _made_up_repository(upstream: Path) -> str:
    """Return a repository name that keeps GitHub's rules, whatever the folder is called."""
    return f"rehearsal/{re.sub(r'[^A-Za-z0-9._-]+', '-', upstream.name)[:100] or 'project'}"


def _lock(
    clone: Clone,
    files: Mapping[str, bytes],
    work: Path,
    *,
    adapters: LazyAdapters,
    progress: Progress,
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
        progress.say("Asking the build backend for name and version…")
        asked = backend_facts(clone.path, committed, requirements=adapters.requirements, sandbox=sandbox)
        return _known(asked, is_named=is_named), None, ()
    progress.say(f"There is no {LOCK_NAME}: locking the build requirements…")
    made = make_lock(clone.path, requirements=adapters.requirements, sandbox=sandbox, with_facts=True)
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
